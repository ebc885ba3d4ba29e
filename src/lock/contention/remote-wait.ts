import { backoffDelay, type Backoff } from '../../base/backoff.js'
import type { Cancel, Clock } from '../../base/clock.js'
import type { Random } from '../../base/random.js'
import { Precedence } from './precedence.js'

/** In addition to wake-ups, which can be lost, and for holders that send none: a try now and then. */
const POLL: Backoff = { firstMs: 50, factor: 2, capMs: 800, jitter: 0.25 }

/** If a registration cannot be set, the obstacle is usually gone at once; if not, a foreign program holds it. */
const CROWDED: Backoff = { firstMs: 1, factor: 4, capMs: 800, jitter: 0.25 }

/** How long a process holds back for each earlier ticket, up to this many tickets. */
const HOLD_BACK_MS = 2
const MAX_HOLD_BACK = 4

/** The price of a wake-up without success, and the credit for them: any role can send wake-ups without end. */
const LOST_RACE_COST_MS = 5
const LOST_RACE_CREDIT_MS = 160

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
  #hasLostRace = false
  /** A reason to look that came while an attempt was under way, which the server may have answered before. */
  #wakeDuringAttempt: Wake = 'no'
  #cancelPoll: Cancel | null = null
  #cancelHoldBack: Cancel | null = null
  #polls = 0
  #crowds = 0
  #isYielding = false
  #wasPrecedenceUnused = false
  /** The processes with tickets, in the order in which the server delivered them. */
  #tickets: string[] = []
  #heldBackFor = 0
  /** Limits yielding to processes with tickets. */
  readonly #precedence = new Precedence()
  /** Wake-ups without success are paid off by this time on the clock. */
  #paidOffAt = 0

  /** The entry calls `onWake` when `wake` has changed. */
  constructor(host: RemoteWaitHost, onWake: () => void) {
    this.#host = host
    this.#onWake = onWake
  }

  /** Whether another process was faster after a wake-up, since the last attempt began. */
  get hasLostRace(): boolean {
    return this.#hasLostRace
  }

  get wake(): Wake {
    return this.#wake
  }

  /** Whether the other processes had the time to come and did not, as far as this process knows. */
  get wasPrecedenceUnused(): boolean {
    return this.#wasPrecedenceUnused
  }

  /** Waits for a wake-up, or until the poll is due. */
  wait(): void {
    this.#crowds = 0
    this.#wasPrecedenceUnused = false
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
    this.#wasPrecedenceUnused = false
    this.#waitFor(YIELD_MS, () => {
      this.#wasPrecedenceUnused = true
      this.#holdBack()
    })
    this.#isYielding = true
  }

  /** An attempt begins: no other is needed until something happens. */
  attempt(): void {
    this.#hasLostRace = false
    this.#cancelTimers()
    this.#wake = 'no'
    this.#wakeDuringAttempt = 'no'
  }

  /** The wait is over, one way or another. */
  end(): void {
    this.#hasLostRace = false
    this.#cancelTimers()
    this.#polls = this.#crowds = this.#paidOffAt = 0
    this.#wasPrecedenceUnused = false
    // Processes with precedence that did not come may be dead.
    if (this.#heldBackFor > 0) this.#precedence.missed(this.#host.clock.now())
    this.#tickets.splice(0, this.#heldBackFor)
    this.#heldBackFor = 0
    this.#removeTicket(this.#host.sender)
  }

  /** Another process was faster after the wake-up: announces a ticket, unless there is one. */
  lostRace(sendTicket: () => void): void {
    this.#hasLostRace = true
    if (this.#heldBackFor > 0) this.#precedence.came()
    this.#heldBackFor = 0
    this.#paidOffAt = Math.max(this.#paidOffAt, this.#host.clock.now()) + LOST_RACE_COST_MS
    if (!this.#tickets.includes(this.#host.sender)) sendTicket()
  }

  /** Other programs wait for it in the server's queue. An attempt from outside that queue never succeeds. */
  sawQueue(): void {
    this.#hasLostRace = true
  }

  ticketReceived(sender: string): void {
    if (!this.#tickets.includes(sender) && this.#tickets.length < MAX_TICKETS) this.#tickets.push(sender)
  }

  /** A wake-up from the process `sender`, which has therefore had its turn. Processes with earlier tickets go first. */
  woken(sender: string, isWaiting: boolean): void {
    this.#removeTicket(sender)
    this.#wasPrecedenceUnused = false
    if (!isWaiting) {
      this.#wakeDuringAttempt = 'woken'
      return
    }
    // The other processes have come, and this was one of them.
    if (this.#isYielding) this.wait()
    this.#holdBack()
  }

  /** There is a reason to look again now. */
  wakeUp(wake: Wake, isWaiting: boolean): void {
    if (!isWaiting) this.#wakeDuringAttempt = this.#wakeDuringAttempt === 'woken' ? 'woken' : wake
    else {
      this.#wake = wake
      this.#onWake()
    }
  }

  #waitFor(delayMs: number, then: () => void): void {
    this.#cancelTimers()
    this.#cancelPoll = this.#host.clock.after(delayMs, then)
    if (this.#wakeDuringAttempt === 'no') return
    const owesMs = this.#wakeDuringAttempt === 'poll' ? 0 : this.#owesMs(this.#host.clock.now())
    if (owesMs === 0) this.#wake = this.#wakeDuringAttempt
    else this.#wakeUpAfter(owesMs)
  }

  #holdBack(): void {
    const now = this.#host.clock.now()
    const mine = this.#tickets.indexOf(this.#host.sender)
    const before = mine < 0 ? this.#tickets.length : mine
    this.#heldBackFor = this.#precedence.isSuspended(now) ? 0 : Math.min(before, MAX_HOLD_BACK)
    this.#cancelHoldBack?.()
    this.#cancelHoldBack = null
    const delayMs = Math.max(this.#heldBackFor * HOLD_BACK_MS, this.#owesMs(now))
    if (delayMs === 0) this.wakeUp('woken', true)
    else this.#wakeUpAfter(delayMs)
  }

  #wakeUpAfter(delayMs: number): void {
    this.#cancelHoldBack = this.#host.clock.after(delayMs, () => this.wakeUp('woken', true))
  }

  /** How long wake-ups are ignored, because too many were without success. */
  #owesMs(now: number): number {
    return Math.max(0, this.#paidOffAt - now - LOST_RACE_CREDIT_MS)
  }

  #removeTicket(sender: string): void {
    const at = this.#tickets.indexOf(sender)
    if (at >= 0) this.#tickets.splice(at, 1)
  }

  #cancelTimers(): void {
    this.#cancelPoll?.()
    this.#cancelHoldBack?.()
    this.#cancelPoll = this.#cancelHoldBack = null
    this.#isYielding = false
  }
}
