import { backoffDelay, type Backoff } from '../../base/backoff.js'
import type { Cancel, Clock } from '../../base/clock.js'
import type { Random } from '../../base/random.js'
import { Courtesy } from './courtesy.js'

/** Behind the bell, which can be missed, and for holders that do not ring: an attempt now and then. */
const POLL: Backoff = { firstMs: 50, factor: 2, capMs: 800, jitter: 0.25 }

/** Where interest can't be set: what is in the way is mostly gone at once, and if not, somebody has meddled. */
const CROWDED: Backoff = { firstMs: 1, factor: 4, capMs: 800, jitter: 0.25 }

/** How long a process leaves the way free for each one that has asked for the next turn before it, up to so many. */
const STAND_BACK_MS = 2
const MAX_STAND_BACK = 4

/** What a ring costs that led to nothing, and how much may be spent at once: anybody can ring without end. */
const VAIN_RING_MS = 5
const CREDIT_MS = 160

/**
 * How long a process that has given something up for others leaves them the way free. They hear the bell within about half
 * a millisecond, and one that is asked to stand back for two others comes within four more.
 */
export const GIVE_WAY_MS = 5

/** More processes than this do not queue in order. It bounds what a stranger's messages can make us remember. */
const MAX_CLAIMS = 64

/** Why a sleeper should look again: not yet, because the bell rang, or because time has passed. */
export type Wake = 'no' | 'rung' | 'poll'

export interface SleepHost {
  readonly clock: Clock
  readonly random: Random
  /** The name of this process in rings and claims. */
  readonly sender: string
}

/**
 * How an entry sleeps while another process has the lock, what wakes it, and whom it lets go first when the bell rings.
 *
 * All waiting processes hear the bell, and the quickest would win every time. So a process that loses such a race claims
 * the next turn, for all to hear, and whoever hears of claims before its own stands back a little. Claims change delays,
 * never who may hold the lock, so that a lost or a false one costs some milliseconds and nothing else.
 */
export class Sleep {
  readonly #host: SleepHost
  readonly #awoken: () => void
  #wake: Wake = 'no'
  #hasLostRace = false
  /** A reason to look that has come while an attempt was under way, which may have been decided before. */
  #meanwhile: Wake = 'no'
  #cancelPoll: Cancel | null = null
  #cancelStandBack: Cancel | null = null
  #polls = 0
  #crowds = 0
  #isGivingWay = false
  #gaveWayInVain = false
  /** Who has asked for the next turn, in the order in which the server passed it on. */
  #claims: string[] = []
  #stoodBackFor = 0
  /** To those who have claimed the next turn. */
  readonly #courtesy = new Courtesy()
  /** Rings that led to nothing are paid off by then, on the clock. */
  #spentUntil = 0

  /** `awoken` is called when `wake` has come to say why. */
  constructor(host: SleepHost, awoken: () => void) {
    this.#host = host
    this.#awoken = awoken
  }

  /** Since the last attempt began: another process was quicker after a wake-up. */
  get hasLostRace(): boolean {
    return this.#hasLostRace
  }

  get wake(): Wake {
    return this.#wake
  }

  /** The others had the time to come, and did not, by all that could be heard. */
  get gaveWayInVain(): boolean {
    return this.#gaveWayInVain
  }

  /** Until the bell rings, or the poll is due. */
  fallAsleep(): void {
    this.#crowds = 0
    this.#gaveWayInVain = false
    const delayMs = backoffDelay(POLL, this.#polls++, this.#host.random)
    this.#sleepFor(delayMs, () => this.awake('poll', true))
  }

  /** As `fallAsleep`, where the bell may not be rung for us: looks again soon, and then less and less often. */
  crowded(): void {
    const delayMs = backoffDelay(CROWDED, this.#crowds++, this.#host.random)
    this.#sleepFor(delayMs, () => this.awake('poll', true))
  }

  /** As `fallAsleep`, by a process that has just had its turn: until the others have had the time to come. */
  giveWay(): void {
    this.#gaveWayInVain = false
    this.#sleepFor(GIVE_WAY_MS, () => {
      this.#gaveWayInVain = true
      this.#standBack()
    })
    this.#isGivingWay = true
  }

  /** An attempt begins: there is no reason for another until something happens. */
  attempt(): void {
    this.#hasLostRace = false
    this.#cancelTimers()
    this.#wake = 'no'
    this.#meanwhile = 'no'
  }

  /** The wait is over, one way or another. */
  end(): void {
    this.#hasLostRace = false
    this.#cancelTimers()
    this.#polls = this.#crowds = this.#spentUntil = 0
    this.#gaveWayInVain = false
    // Those we stood back for and who did not come may be dead.
    if (this.#stoodBackFor > 0) this.#courtesy.wasInVain(this.#host.clock.now())
    this.#claims.splice(0, this.#stoodBackFor)
    this.#stoodBackFor = 0
    this.#hadItsTurn(this.#host.sender)
  }

  /** Somebody else was quicker after the bell: says so, unless it is known. */
  lostRace(claim: () => void): void {
    this.#hasLostRace = true
    if (this.#stoodBackFor > 0) this.#courtesy.wasRight()
    this.#stoodBackFor = 0
    this.#spentUntil = Math.max(this.#spentUntil, this.#host.clock.now()) + VAIN_RING_MS
    if (!this.#claims.includes(this.#host.sender)) claim()
  }

  claimed(sender: string): void {
    if (!this.#claims.includes(sender) && this.#claims.length < MAX_CLAIMS) this.#claims.push(sender)
  }

  /** The bell rang, by the process `sender`, which has thereby had its turn. Those with earlier claims are let go first. */
  rung(sender: string, isAsleep: boolean): void {
    this.#hadItsTurn(sender)
    this.#gaveWayInVain = false
    if (!isAsleep) {
      this.#meanwhile = 'rung'
      return
    }
    // The others have come, and this was one of them.
    if (this.#isGivingWay) this.fallAsleep()
    this.#standBack()
  }

  /** There is a reason to look again, now. */
  awake(wake: Wake, isAsleep: boolean): void {
    if (!isAsleep) this.#meanwhile = this.#meanwhile === 'rung' ? 'rung' : wake
    else {
      this.#wake = wake
      this.#awoken()
    }
  }

  #sleepFor(delayMs: number, then: () => void): void {
    this.#cancelTimers()
    this.#cancelPoll = this.#host.clock.after(delayMs, then)
    if (this.#meanwhile === 'no') return
    const owesMs = this.#meanwhile === 'poll' ? 0 : this.#owesMs(this.#host.clock.now())
    if (owesMs === 0) this.#wake = this.#meanwhile
    else this.#awakeAfter(owesMs)
  }

  #standBack(): void {
    const now = this.#host.clock.now()
    const mine = this.#claims.indexOf(this.#host.sender)
    const before = mine < 0 ? this.#claims.length : mine
    this.#stoodBackFor = this.#courtesy.isResting(now) ? 0 : Math.min(before, MAX_STAND_BACK)
    this.#cancelStandBack?.()
    this.#cancelStandBack = null
    const delayMs = Math.max(this.#stoodBackFor * STAND_BACK_MS, this.#owesMs(now))
    if (delayMs === 0) this.awake('rung', true)
    else this.#awakeAfter(delayMs)
  }

  #awakeAfter(delayMs: number): void {
    this.#cancelStandBack = this.#host.clock.after(delayMs, () => this.awake('rung', true))
  }

  /** How long rings are not followed, because too many have led to nothing. */
  #owesMs(now: number): number {
    return Math.max(0, this.#spentUntil - now - CREDIT_MS)
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
