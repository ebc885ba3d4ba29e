import { TOKEN_STEP } from '../../dialect/lock-operation.js'
import type { DrawnToken } from '../handle/drawn-token.js'

/** The most times a held lock passes from caller to caller inside a process: tokens in between are numbered locally. */
export const MAX_HAND_OFFS: number = TOKEN_STEP - 24

/**
 * How long a lock may stay with one process while others may be waiting, at least. Ten milliseconds make a hand-off between
 * processes (about half a millisecond) cost a twentieth, and give each of four processes a turn every 40 ms.
 */
export const TURN_MS = 10

/**
 * Where an answer takes longer, so does a hand-off: on a machine with far more processes than processors, or over a long
 * way. Then a turn lasts for so many answers, up to a limit; with turns of 10 ms such a machine did little else than hand
 * over (docs/decisions/0021-one-contention-core.md has the figures).
 */
const TURN_IN_TRIPS = 20
const LONGEST_TURN_MS = 100

/**
 * One stay of a lock in this process, from an answer of the server to the next. Lock cohorting (Dice, Marathe and Shavit
 * 2012): the lock passes between local callers at no cost, a bounded number of times and for a bounded time.
 */
export class Turn {
  /** As the server drew it. */
  readonly token: DrawnToken | null
  readonly #endsAt: number
  #grants = 0

  /** `tripMs` is how long the answer took that it begins with. */
  constructor(token: DrawnToken | null, now: number, tripMs: number) {
    this.token = token
    this.#endsAt = now + Math.min(Math.max(TURN_MS, TURN_IN_TRIPS * tripMs), LONGEST_TURN_MS)
  }

  /** Whether it may pass to another local caller without a look at who waits elsewhere. */
  mayContinue(now: number): boolean {
    return this.#grants < MAX_HAND_OFFS && now < this.#endsAt
  }

  get room(): number {
    return MAX_HAND_OFFS - this.#grants
  }

  /** How far past `token` the next one is. */
  draw(): number {
    return this.#grants++
  }
}
