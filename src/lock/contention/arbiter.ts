import type { Clock } from '../../base/clock.js'
import { Deadlines } from '../../base/deadlines.js'
import type { Emitter } from '../../base/emitter.js'
import { PoolClosedError, PoolSaturatedError, type LockError, type LockLostError } from '../../base/errors.js'
import type { Random } from '../../base/random.js'
import { keyText } from '../../dialect/key-words.js'
import type { LockMode } from '../../dialect/lock-key.js'
import type { Lock } from '../handle/lock.js'
import type { LockWaiter, WaitedFor } from '../handle/lock-waiter.js'
import { isHoldTraced, traceHold, traceHoldEnd } from '../handle/trace.js'
import { zeroCounters, type LockCounters } from '../lock-counters.js'
import type { LockEvents } from '../lock-events.js'
import type { Session } from '../session/session.js'
import type { SessionRequester } from '../session/session-requester.js'
import type { Agenda } from '../agenda/agenda.js'
import type { ArbiterHost, ArbiterParts } from './arbiter-host.js'
import { REGISTRATION_ENTRIES, LockTableWaiters, type LockTableRequester } from './lock-table-waiters.js'
import type { ServerQueue } from '../session/server-queue.js'

/** What keys and semaphores have in common: the limit of waiting callers, the counters, and the events. */
export class Arbiter {
  readonly agenda: Agenda
  readonly clock: Clock
  readonly random: Random
  readonly sender: string
  readonly counters: LockCounters = zeroCounters()
  readonly deadlines: Deadlines
  readonly lockTableWaiters: LockTableWaiters
  readonly #events: Emitter<LockEvents>
  readonly #host: ArbiterHost
  readonly #maxWaiting: number
  #waiting = 0
  #registered = 0
  #arrivals = 0
  #isClosing = false
  noFencing: string | null = null

  constructor(parts: ArbiterParts, maxWaiting: number, events: Emitter<LockEvents>, host: ArbiterHost) {
    this.agenda = parts.agenda
    this.clock = parts.clock
    this.random = parts.random
    this.sender = parts.sender
    this.#maxWaiting = maxWaiting
    this.deadlines = new Deadlines(this.clock)
    this.#events = events
    this.#host = host
    this.lockTableWaiters = new LockTableWaiters(host)
  }

  get waiting(): number {
    return this.#waiting
  }

  /** The number of callers so far. */
  get arrivals(): number {
    return this.#arrivals
  }

  get isClosing(): boolean {
    return this.#isClosing
  }

  get lastFailure(): LockError | null {
    return this.#host.lastFailure
  }

  /** The lock-table entries that waiter registrations use. */
  get registrationEntries(): number {
    return this.#registered * REGISTRATION_ENTRIES
  }

  admit(entry: LockTableRequester, entries: number): 'now' | 'later' | LockError {
    return this.lockTableWaiters.admit(entry, entries)
  }

  registrationChanged(isSet: boolean): void {
    this.#registered += isSet ? 1 : -1
  }

  /** Why a new caller is refused now, or null. */
  get refusal(): LockError | null {
    return (
      this.#closed ?? (this.#waiting >= this.#maxWaiting ? new PoolSaturatedError(this.#maxWaiting) : null)
    )
  }

  get #closed(): LockError | null {
    return this.#isClosing ? new PoolClosedError() : null
  }

  /** Counts one more caller, until it has `left`. */
  arrive(isPart = false): number {
    if (!isPart) this.#waiting++
    return ++this.#arrivals
  }

  /** Counts a caller that asks for several keys as one, until it has left. */
  groupCame(): void {
    this.#waiting++
  }

  groupLeft(): void {
    this.#waiting--
  }

  /** From now on all new callers are refused. */
  close(): void {
    this.#isClosing = true
  }

  assign(entry: SessionRequester): Session | null {
    return this.#host.assign(entry)
  }

  leftBy(entry: LockTableRequester & SessionRequester): void {
    this.lockTableWaiters.leave(entry)
    this.#host.unassign(entry)
  }

  get line(): ServerQueue {
    return this.#host.serverQueue
  }

  get isListening(): boolean {
    return this.#host.isListening
  }

  /** One more entry waits for other processes, or asks the server about them. */
  listen(): void {
    this.#host.waitBegan()
  }

  /** One entry less. */
  unlisten(): void {
    this.#host.waitEnded()
  }

  lockDelayBegan(key: string, mode: LockMode, delayMs: number): void {
    this.#events.emit('lock:delayed', { key, mode, delayMs })
  }

  acquired(lock: Lock, waiter: LockWaiter<WaitedFor>, isHandOff: boolean, now: number): void {
    this.counters.acquired++
    if (isHandOff) this.counters.handedOff++
    if (isHoldTraced()) this.agenda.defer(() => traceHold(lock))
    if (!this.#events.hasListener('lock:acquired')) return
    const waitedMs = now - waiter.since
    this.#events.emit('lock:acquired', { key: keyText(lock.key), mode: lock.mode, waitedMs })
  }

  released(lock: Lock, now?: number): void {
    this.counters.released++
    if (isHoldTraced()) this.agenda.defer(() => traceHoldEnd(lock))
    this.#host.leaks?.ended(lock)
    if (!this.#events.hasListener('lock:released')) return
    const heldMs = now === undefined ? lock.heldMs : lock.heldMsAt(now)
    this.#events.emit('lock:released', { key: keyText(lock.key), mode: lock.mode, heldMs })
  }

  lost(error: LockLostError, lock: Lock): void {
    this.counters.lost++
    this.agenda.defer(() => {
      lock.announceLoss()
      traceHoldEnd(lock, error)
    })
    this.#host.leaks?.ended(lock)
    const { heldMs, reason } = error
    this.#events.emit('lock:lost', { key: keyText(lock.key), mode: lock.mode, heldMs, reason })
  }

  gone(waiter: LockWaiter<WaitedFor>, isGranted: boolean): void {
    if (!waiter.isPart) this.#waiting--
    if (!isGranted) this.counters.refused++
    if (waiter.hasTimedOut) this.counters.timeouts++
    if (!this.#events.hasListener('waiter:left')) return
    const waitedMs = this.clock.now() - waiter.since
    this.#events.emit('waiter:left', {
      key: keyText(waiter.label),
      mode: waiter.mode,
      waitedMs,
      granted: isGranted,
    })
  }

  announce(waiter: LockWaiter<WaitedFor>): void {
    if (waiter.isAnnounced || !this.#events.hasListener('waiter:queued')) return
    waiter.isAnnounced = true
    this.#events.emit('waiter:queued', { key: keyText(waiter.label), mode: waiter.mode })
  }
}
