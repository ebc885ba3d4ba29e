import { backoffDelay, type Backoff } from '../base/backoff.js'
import type { Cancel } from '../base/clock.js'
import type { EntryHost } from './entry-host.js'

/** Behind the bell, which can be missed, and for holders that do not ring: an attempt now and then. */
const POLL: Backoff = { firstMs: 50, factor: 2, capMs: 800, jitter: 0.25 }

/** How long a process leaves the way free for each one that has asked for the next turn before it. */
const STAND_BACK_MS = 2

/**
 * How long a process that has given something up for others leaves them the way free. They hear the bell within about half
 * a millisecond, and one that is asked to stand back for two others comes within four more.
 */
export const GIVE_WAY_MS = 5

/** More processes than this do not queue in order. It bounds what a stranger's messages can make us remember. */
const MAX_CLAIMS = 64

/** Why a sleeper should look again: not yet, because the bell rang, or because time has passed. */
export type Wake = 'no' | 'rung' | 'poll'

/**
 * How an entry sleeps while another process has the lock, what wakes it, and whom it lets go first when the bell rings.
 *
 * All waiting processes hear the bell, and the quickest would win every time. So a process that loses such a race claims
 * the next turn, for all to hear, and whoever hears of claims before its own stands back a little. Claims change delays,
 * never who may hold the lock, so that a lost or a false one costs some milliseconds and nothing else.
 */
export class Sleep {
  readonly #host: Pick<EntryHost, 'clock' | 'random' | 'sender'>
  readonly #awoken: () => void
  #wake: Wake = 'no'
  /** The bell rang while an attempt was under way, which may have been decided before. */
  #isRungMeanwhile = false
  #cancelPoll: Cancel | null = null
  #cancelStandBack: Cancel | null = null
  #polls = 0
  #isGivingWay = false
  /** Who has asked for the next turn, in the order in which the server passed it on. */
  #claims: string[] = []
  #stoodBackFor = 0

  /** `awoken` is called when `wake` has come to say why. */
  constructor(host: Pick<EntryHost, 'clock' | 'random' | 'sender'>, awoken: () => void) {
    this.#host = host
    this.#awoken = awoken
  }

  get wake(): Wake {
    return this.#wake
  }

  /** Until the bell rings, or the poll is due. */
  fallAsleep(): void {
    const delayMs = backoffDelay(POLL, this.#polls++, this.#host.random)
    this.#sleepFor(delayMs, () => this.awake('poll', true))
  }

  /** As `fallAsleep`, by a process that has just had its turn: until the others have had the time to come. */
  giveWay(): void {
    this.#sleepFor(GIVE_WAY_MS, () => this.#standBack())
    this.#isGivingWay = true
  }

  /** An attempt begins: there is no reason for another until something happens. */
  attempt(): void {
    this.#cancelTimers()
    this.#wake = 'no'
    this.#isRungMeanwhile = false
  }

  /** The wait is over, one way or another. */
  end(): void {
    this.#cancelTimers()
    this.#polls = 0
    // Those we stood back for and who did not come may be dead.
    this.#claims.splice(0, this.#stoodBackFor)
    this.#stoodBackFor = 0
    this.#hadItsTurn(this.#host.sender)
  }

  /** Somebody else was quicker after the bell: says so, unless it is known. */
  lostRace(claim: () => void): void {
    this.#stoodBackFor = 0
    if (!this.#claims.includes(this.#host.sender)) claim()
  }

  claimed(sender: string): void {
    if (!this.#claims.includes(sender) && this.#claims.length < MAX_CLAIMS) this.#claims.push(sender)
  }

  /** The bell rang, by the process `sender`, which has thereby had its turn. Those with earlier claims are let go first. */
  rung(sender: string, isAsleep: boolean): void {
    this.#hadItsTurn(sender)
    if (!isAsleep) {
      this.#isRungMeanwhile = true
      return
    }
    // The others have come, and this was one of them.
    if (this.#isGivingWay) this.fallAsleep()
    this.#standBack()
  }

  /** There is a reason to look again, now. */
  awake(wake: Wake, isAsleep: boolean): void {
    if (!isAsleep) this.#isRungMeanwhile = true
    else {
      this.#wake = wake
      this.#awoken()
    }
  }

  #sleepFor(delayMs: number, then: () => void): void {
    this.#cancelTimers()
    if (this.#isRungMeanwhile) this.#wake = 'rung'
    this.#cancelPoll = this.#host.clock.after(delayMs, then)
  }

  #standBack(): void {
    const mine = this.#claims.indexOf(this.#host.sender)
    this.#stoodBackFor = mine < 0 ? this.#claims.length : mine
    this.#cancelStandBack?.()
    this.#cancelStandBack = null
    if (this.#stoodBackFor === 0) return this.awake('rung', true)
    const delayMs = this.#stoodBackFor * STAND_BACK_MS
    this.#cancelStandBack = this.#host.clock.after(delayMs, () => this.awake('rung', true))
  }

  #hadItsTurn(sender: string): void {
    const at = this.#claims.indexOf(sender)
    if (at >= 0) this.#claims.splice(at, 1)
  }

  #cancelTimers(): void {
    this.#cancelPoll?.()
    this.#cancelStandBack?.()
    this.#cancelPoll = this.#cancelStandBack = null
    this.#isGivingWay = false
  }
}
