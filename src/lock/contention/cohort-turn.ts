import { TOKEN_STEP } from '../../dialect/lock-operation.js'
import type { DrawnToken } from '../handle/drawn-token.js'

/** How often a held lock passes from caller to caller inside a process at most: tokens in between are numbered locally. */
export const MAX_HAND_OFFS: number = TOKEN_STEP - 24

/**
 * How long a lock may stay with one process while others may be waiting, at least. With ten milliseconds a hand-off
 * between processes (about half a millisecond) costs a twentieth, and each of four processes gets a turn every 40 ms.
 */
export const COHORT_TURN_MS = 10

/**
 * Slow answers make hand-offs slow: on a machine with far more processes than processors, or over a long distance. Then a
 * turn lasts for this many answers, up to a limit; with turns of 10 ms such a machine did little else than hand over
 * (docs/decisions/0021-one-contention-core.md has the figures).
 */
const COHORT_TURN_TRIPS = 20
const LONGEST_COHORT_TURN_MS = 100

/**
 * One stay of a lock in this process, from one answer of the server to the next. Lock cohorting (Dice, Marathe and Shavit
 * 2012): the lock passes between local callers at no cost, a bounded number of times and for a bounded time.
 */
export class CohortTurn {
  /** The token that the server drew. */
  readonly token: DrawnToken | null
  readonly #endsAt: number
  #grants = 0

  /** `tripMs` is the duration of the answer with which the turn begins. */
  constructor(token: DrawnToken | null, now: number, tripMs: number) {
    this.token = token
    this.#endsAt =
      now + Math.min(Math.max(COHORT_TURN_MS, COHORT_TURN_TRIPS * tripMs), LONGEST_COHORT_TURN_MS)
  }

  /** Whether the lock may pass to another local caller without a look at other processes. */
  mayContinue(now: number): boolean {
    return this.#grants < MAX_HAND_OFFS && now < this.#endsAt
  }

  get room(): number {
    return MAX_HAND_OFFS - this.#grants
  }

  /** How far the next token is past `token`. */
  draw(): number {
    return this.#grants++
  }
}
