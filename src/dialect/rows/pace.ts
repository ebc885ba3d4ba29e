import { TOKEN_STEP } from '../lock-operation.js'

/** How quickly a key passes from one holder to the next, as far as polls of its row show it. */
export interface Pace {
  readonly token: string
  /** When the row was first seen with this token. */
  readonly tokenAt: number
  /** How long one holder recently had the key, including the time of the hand-off. */
  readonly turnMs: number
}

/** For a key that was not seen yet. */
const FIRST_TURN_MS = 4

const MOST_PACES = 1000

/** The weight of one observation. */
const QUICKER = 0.5
const SLOWER = 0.125

/** For waiters that are not next: they poll again after this part of the expected time. */
const SOON = 0.5

/**
 * The next waiter polls again after this part of the time that the current holder has had the key. While the hold is
 * shorter than `YOUNG_MS`, a poll costs less than an unused key.
 */
const PATIENCE = 0.4
const PATIENCE_WHILE_YOUNG = 0.2
const YOUNG_MS = 20

const LEAST_MS = 0.5
const MOST_MS = 1000

/** Remembers how quickly keys pass, also between two waits for the same key. */
export class Paces {
  readonly #byKey = new Map<string, Pace>()

  /** The row was seen with this token. Each grant raises the token by one step. */
  saw(keyId: string, token: string, now: number): Pace {
    const before = this.#byKey.get(keyId)
    if (before?.token === token) return before
    const pace = {
      token,
      tokenAt: now,
      turnMs: before === undefined ? FIRST_TURN_MS : turnOf(before, token, now),
    }
    if (this.#byKey.size >= MOST_PACES) this.#byKey.clear()
    this.#byKey.set(keyId, pace)
    return pace
  }
}

/**
 * When to poll again. A release gives the key to the first waiter, so a late poll leaves the key unused: the first
 * waiter polls often while the current hold is young. The others poll when they are probably first.
 */
export function nextPollMs({ tokenAt, turnMs }: Pace, place: number, now: number): number {
  const ms = place > 0 ? place * turnMs * SOON : nextIfFirst(now - tokenAt)
  return Math.min(Math.max(ms, LEAST_MS), MOST_MS)
}

function nextIfFirst(heldMs: number): number {
  return heldMs * (heldMs < YOUNG_MS ? PATIENCE_WHILE_YOUNG : PATIENCE)
}

function turnOf({ token, tokenAt, turnMs }: Pace, now: string, at: number): number {
  if (token === '' || now === '') return turnMs
  const turns = Number((BigInt(now) - BigInt(token)) / BigInt(TOKEN_STEP))
  if (turns < 1) return turnMs
  const latelyMs = (at - tokenAt) / turns
  // Late polls make holds look longer, and early polls cost little, so shorter times are believed more quickly.
  return turnMs + (latelyMs - turnMs) * (latelyMs < turnMs ? QUICKER : SLOWER)
}
