import { TOKEN_STEP } from '../lock-operation.js'

/** How quickly a key passes from one holder to the next, as far as looks at its row show it. */
export interface Pace {
  readonly token: string
  /** When it was first seen with this token. */
  readonly tokenAt: number
  /** How long one holder has had it of late, with the time that it took to pass. */
  readonly turnMs: number
}

/** Of a key that has not been seen yet. */
const FIRST_TURN_MS = 4

const MOST_PACES = 1000

/** How far one observation counts. */
const QUICKER = 0.5
const SLOWER = 0.125

/** Before the next holder but one: a waiter further back looks again when this part of the time should have passed. */
const SOON = 0.7

/** The next holder looks again after this part of the time that the key has been with the current one. */
const PATIENCE = 0.4

const LEAST_MS = 1
const MOST_MS = 1000

/** Remembers how quickly keys pass, also between two waits for the same one. */
export class Paces {
  readonly #byKey = new Map<string, Pace>()

  /** Its row was seen with this token. Each grant raises the token by one step. */
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
 * When to look again. The first waiter is given the key by the release, so a late look leaves it idle: it looks often while
 * the current turn is young. Others look when it should be their turn to look often.
 */
export function nextLookMs({ tokenAt, turnMs }: Pace, place: number, now: number): number {
  const ms = place > 0 ? place * turnMs * SOON : (now - tokenAt) * PATIENCE
  return Math.min(Math.max(ms, LEAST_MS), MOST_MS)
}

function turnOf({ token, tokenAt, turnMs }: Pace, now: string, at: number): number {
  if (token === '' || now === '') return turnMs
  const turns = Number((BigInt(now) - BigInt(token)) / BigInt(TOKEN_STEP))
  if (turns < 1) return turnMs
  const latelyMs = (at - tokenAt) / turns
  // Looks that come too late make turns longer, and too early cost little: it is believed sooner that turns are short.
  return turnMs + (latelyMs - turnMs) * (latelyMs < turnMs ? QUICKER : SLOWER)
}
