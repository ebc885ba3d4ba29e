import { backoffDelay, type Backoff } from '../../base/backoff.js'
import type { Cancel, Clock } from '../../base/clock.js'
import type { Random } from '../../base/random.js'
import { Precedence } from './precedence.js'

/** In addition to wake-ups, which can be lost, and for holders that send none: a try now and then. */
const POLL: Backoff = { firstMs: 50, factor: 2, capMs: 800, jitter: 0.25 }

/** If a registration cannot be set, the obstacle is usually gone at once; if not, a foreign program holds it. */
const CROWDED: Backoff = { firstMs: 1, factor: 4, capMs: 800, jitter: 0.25 }

/** How long a process holds back for each earlier ticket, up to this many tickets. */
const STAND_BACK_MS = 2
const MAX_STAND_BACK = 4

/** The price of a wake-up without success, and the credit for them: any role can send wake-ups without end. */
const VAIN_WAKE_UP_MS = 5
const CREDIT_MS = 160

/**
 * How long a process that has released something for others yields. A wake-up reaches them within about half a
 * millisecond, and a process that holds back for two tickets comes within four more.
 */
export const YIELD_MS = 5

/**
 * More processes than this have no order among their tickets. It limits how much a stranger's messages can make us
 * remember.
 */
const MAX_TICKETS = 64

/** Why a waiting entry should look again: not yet, because of a wake-up, or because time has passed. */
export type Wake = 'no' | 'woken' | 'poll'

export interface RemoteWaitHost {
  readonly clock: Clock
  readonly random: Random
  /** The name of this process in wake-ups and tickets. */
  readonly sender: string
}

/**
 * How an entry waits while another process has the lock, what wakes it, and to which processes it yields after a wake-up.
 *
 * All waiting processes receive the wake-up, and the fastest would win every time. So a process that loses such a race
 * announces a ticket for the next turn, and the others hold back a little for earlier tickets. Tickets change delays,
 * never who may hold the lock, so a lost or forged ticket costs some milliseconds and nothing else.
 */
export class RemoteWait {
  readonly #host: RemoteWaitHost
  readonly #onWake: () => void
  #wake: Wake = 'no'
  #isInVain = false
  /** A reason to look that came while an attempt was under way, which the server may have answered before. */
  #meanwhile: Wake = 'no'
  #cancelPoll: Cancel | null = null
  #cancelStandBack: Cancel | null = null
  #polls = 0
  #crowds = 0
  #isYielding = false
  #yieldedInVain = false
  /** The processes with tickets, in the order in which the server delivered them. */
  #tickets: string[] = []
  #stoodBackFor = 0
  /** Limits yielding to processes with tickets. */
  readonly #precedence = new Precedence()
  /** Wake-ups without success are paid off by this time on the clock. */
  #spentUntil = 0

  /** The entry calls `awoken` when `wake` has changed. */
  constructor(host: RemoteWaitHost, awoken: () => void) {
    this.#host = host
    this.#onWake = awoken
  }

  /** Whether another process was faster after a wake-up, since the last attempt began. */
  get isInVain(): boolean {
    return this.#isInVain
  }

  get wake(): Wake {
    return this.#wake
  }

  /** Whether the other processes had the time to come and did not, as far as this process knows. */
  get yieldedInVain(): boolean {
    return this.#yieldedInVain
  }

  /** Waits for a wake-up, or until the poll is due. */
  wait(): void {
    this.#crowds = 0
    this.#yieldedInVain = false
    const delayMs = backoffDelay(POLL, this.#polls++, this.#host.random)
    this.#waitFor(delayMs, () => this.wakeUp('poll', true))
  }

  /** Like `wait`, if wake-ups may not reach this process: it looks again soon, and then less and less often. */
  waitCrowded(): void {
    const delayMs = backoffDelay(CROWDED, this.#crowds++, this.#host.random)
    this.#waitFor(delayMs, () => this.wakeUp('poll', true))
  }

  /** Like `wait`, after this process had its turn: it waits until the others have had the time to come. */
  yield(): void {
    this.#yieldedInVain = false
    this.#waitFor(YIELD_MS, () => {
      this.#yieldedInVain = true
      this.#standBack()
    })
    this.#isYielding = true
  }

  /** An attempt begins: no other is needed until something happens. */
  attempt(): void {
    this.#isInVain = false
    this.#cancelTimers()
    this.#wake = 'no'
    this.#meanwhile = 'no'
  }

  /** The wait is over, one way or another. */
  end(): void {
    this.#isInVain = false
    this.#cancelTimers()
    this.#polls = this.#crowds = this.#spentUntil = 0
    this.#yieldedInVain = false
    // Processes with precedence that did not come may be dead.
    if (this.#stoodBackFor > 0) this.#precedence.wasInVain(this.#host.clock.now())
    this.#tickets.splice(0, this.#stoodBackFor)
    this.#stoodBackFor = 0
    this.#removeTicket(this.#host.sender)
  }

  /** Another process was faster after the wake-up: announces a ticket, unless there is one. */
  lostRace(claim: () => void): void {
    this.#isInVain = true
    if (this.#stoodBackFor > 0) this.#precedence.wasRight()
    this.#stoodBackFor = 0
    this.#spentUntil = Math.max(this.#spentUntil, this.#host.clock.now()) + VAIN_WAKE_UP_MS
    if (!this.#tickets.includes(this.#host.sender)) claim()
  }

  /** Other programs wait for it in the server's queue. An attempt from outside that queue never succeeds. */
  sawQueue(): void {
    this.#isInVain = true
  }

  ticketReceived(sender: string): void {
    if (!this.#tickets.includes(sender) && this.#tickets.length < MAX_TICKETS) this.#tickets.push(sender)
  }

  /** A wake-up from the process `sender`, which has therefore had its turn. Processes with earlier tickets go first. */
  woken(sender: string, isAsleep: boolean): void {
    this.#removeTicket(sender)
    this.#yieldedInVain = false
    if (!isAsleep) {
      this.#meanwhile = 'woken'
      return
    }
    // The other processes have come, and this was one of them.
    if (this.#isYielding) this.wait()
    this.#standBack()
  }

  /** There is a reason to look again now. */
  wakeUp(wake: Wake, isAsleep: boolean): void {
    if (!isAsleep) this.#meanwhile = this.#meanwhile === 'woken' ? 'woken' : wake
    else {
      this.#wake = wake
      this.#onWake()
    }
  }

  #waitFor(delayMs: number, then: () => void): void {
    this.#cancelTimers()
    this.#cancelPoll = this.#host.clock.after(delayMs, then)
    if (this.#meanwhile === 'no') return
    const owesMs = this.#meanwhile === 'poll' ? 0 : this.#owesMs(this.#host.clock.now())
    if (owesMs === 0) this.#wake = this.#meanwhile
    else this.#wakeUpAfter(owesMs)
  }

  #standBack(): void {
    const now = this.#host.clock.now()
    const mine = this.#tickets.indexOf(this.#host.sender)
    const before = mine < 0 ? this.#tickets.length : mine
    this.#stoodBackFor = this.#precedence.isResting(now) ? 0 : Math.min(before, MAX_STAND_BACK)
    this.#cancelStandBack?.()
    this.#cancelStandBack = null
    const delayMs = Math.max(this.#stoodBackFor * STAND_BACK_MS, this.#owesMs(now))
    if (delayMs === 0) this.wakeUp('woken', true)
    else this.#wakeUpAfter(delayMs)
  }

  #wakeUpAfter(delayMs: number): void {
    this.#cancelStandBack = this.#host.clock.after(delayMs, () => this.wakeUp('woken', true))
  }

  /** How long wake-ups are ignored, because too many were without success. */
  #owesMs(now: number): number {
    return Math.max(0, this.#spentUntil - now - CREDIT_MS)
  }

  #removeTicket(sender: string): void {
    const at = this.#tickets.indexOf(sender)
    if (at >= 0) this.#tickets.splice(at, 1)
  }

  #cancelTimers(): void {
    this.#cancelPoll?.()
    this.#cancelStandBack?.()
    this.#cancelPoll = this.#cancelStandBack = null
    this.#isYielding = false
  }
}
