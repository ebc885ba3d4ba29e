import type { LockError } from '../../base/errors.js'
import { Fifo } from '../../base/fifo.js'
import type { Holding } from '../../dialect/dialect.js'
import type { KeyCode, LockKey } from '../../dialect/lock-key.js'
import type { OperationKind } from '../../dialect/lock-operation.js'
import type { LockWaiter, WaitedFor } from '../handle/lock-waiter.js'
import type { Client, OutgoingBatch, NotifyRequest } from '../session/outgoing-batch.js'
import type { Session } from '../session/session.js'
import type { SessionRequester } from '../session/session-requester.js'
import type { AgendaItem } from '../agenda/agenda.js'
import type { ContendedHost } from './contended-host.js'
import type { CommonState, Machine, StateInfo } from './machine.js'
import { hasTimeForQueue, QueuePolicy, wasShortEnough } from './queue-policy.js'
import { RemoteWait, type Wake } from './remote-wait.js'

/**
 * Something that callers here contend for with other processes: a key, or the permits of a semaphore. This base class
 * handles the other processes: the session, the wait for a wake-up, the place in the server's queue. Subclasses know the
 * local callers, and what to ask of the server.
 *
 * There is at most one operation under way. The entry chooses it when the batch leaves: until then callers gather, and
 * share it.
 */
export abstract class Contended<State extends string, Host extends ContendedHost>
  implements AgendaItem, SessionRequester, WaitedFor, Client, NotifyRequest
{
  label: LockKey
  readonly queue: Fifo<LockWaiter<WaitedFor>> = new Fifo()
  nextItem: AgendaItem | null = null
  protected readonly host: Host
  /** Whether a first attempt has just failed. */
  protected contended = false
  /** Created when the entry first waits in the server's queue. It survives a rest. */
  protected queuePolicy: QueuePolicy | null = null
  /** Created at the first contention: most keys never need it. */
  protected remoteWait: RemoteWait | null = null
  #stand: StateInfo<State | CommonState>
  #session: Session | null = null
  /** Whether the entry waits for the next batch of its session. */
  #isToDepart = false

  constructor(label: LockKey, host: Host, machine: Machine<State | CommonState>) {
    this.label = label
    this.host = host
    this.#stand = machine.of('idle')
  }

  /** The id of the key in wake-ups. */
  abstract readonly key: KeyCode
  abstract readonly isHeld: boolean
  /** The key in a sentence. */
  abstract readonly inWords: string

  protected abstract readonly machine: Machine<State | CommonState>

  abstract advance(): void
  abstract isAskingFor(waiter: LockWaiter<WaitedFor>): boolean
  abstract askForHolder(waiter: LockWaiter<WaitedFor>): Promise<string | null> | null
  abstract holding(): readonly Holding[]
  abstract lost(reason: string, cause?: Error): void
  abstract notified(isWanted: boolean): void
  /** The batch is leaving: returns what the entry asks now, if anything. */
  protected abstract addOperation(outgoing: OutgoingBatch): void
  /** After this many waits in the queue that found the key free, no other process wants it. */
  protected abstract readonly aloneAfter: number
  /** Called after each change of the state. */
  protected abstract entered(to: State | CommonState, from: State | CommonState): void

  get state(): State | CommonState {
    return this.#stand.state
  }

  get session(): Session | null {
    return this.#session
  }

  get hasSession(): boolean {
    return this.#session !== null
  }

  /**
   * The session for messages to other processes and questions about them. A session in the server's queue could not send them
   * at once.
   */
  get sessionToSpeak(): Session | null {
    const { session } = this
    return session?.state === 'queued' ? (this.host.serverQueue.leastUsed() ?? session) : session
  }

  get lastFailure(): LockError | null {
    return this.#session === null ? this.host.lastFailure : null
  }

  get noFencing(): string | null {
    return this.host.noFencing
  }

  get isContended(): boolean {
    return this.contended
  }

  get isClosing(): boolean {
    return this.host.isClosing
  }

  get wake(): Wake {
    return this.remoteWait === null ? 'no' : this.remoteWait.wake
  }

  toString(): string {
    return this.inWords
  }

  now(): number {
    return this.host.clock.now()
  }

  /** The time of day. */
  protected get wall(): number {
    return this.host.clock.instant().wall
  }

  /** The entry's facts have changed. */
  touch(): void {
    this.host.agenda.touch(this)
  }

  /** A session or room in the lock table may be available now. */
  proceed(): void {
    this.touch()
  }

  /** No session can be opened. Callers that were waiting before the failure keep their place until their own deadline. */
  sessionFailed(error: LockError): void {
    this.host.agenda.run(() => {
      for (const waiter of this.queue) {
        if (!waiter.keepsPlace) waiter.refuse(error)
      }
      if (this.queue.size > 0) this.ownRemoteWait.wait()
    })
  }

  /** Declares the session lost if its lease is over, however late this is called. */
  verify(): void {
    this.#session?.verify()
  }

  /** A waiter has gone, served or not. */
  gone(waiter: LockWaiter<WaitedFor>, isGranted: boolean): void {
    this.host.gone(waiter, isGranted)
    // A grant continues with the next step by itself.
    if (!isGranted) this.touch()
  }

  ticketReceived(sender: string): void {
    this.ownRemoteWait.ticketReceived(sender)
  }

  joinBatch(outgoing: OutgoingBatch): void {
    // The entry may have left the requests of this session, and be on another one.
    if (outgoing.session !== this.#session) return
    this.#isToDepart = false
    this.addOperation(outgoing)
  }

  protected get ownRemoteWait(): RemoteWait {
    return (this.remoteWait ??= new RemoteWait(this.host, () => this.touch()))
  }

  protected get ownQueuePolicy(): QueuePolicy {
    return (this.queuePolicy ??= new QueuePolicy(this.aloneAfter))
  }

  /** Whether the entry has a session. If not, the pool will report when there is one. */
  protected assign(): boolean {
    if (this.#session === null) this.#join(this.host.assign(this))
    return this.#session !== null
  }

  /** Asks the server with the next batch of the entry's session. The entry chooses the operation then. */
  protected ask(): void {
    if (this.#isToDepart || !this.assign()) return
    this.#isToDepart = true
    this.#session!.submit(this)
  }

  /** Leaves the session: it is gone, or no longer needed. */
  protected leaveSession(): void {
    this.#session = null
    this.#isToDepart = false
  }

  /** Leaves the session: its server or its connection has gone. */
  protected loseSession(): void {
    if (this.#session !== null && this.queue.first !== null)
      this.queuePolicy?.interrupted(this.#session.answeredAt)
    this.leaveSession()
  }

  #join(session: Session | null): void {
    this.#session = session
    if (session !== null) this.queuePolicy?.resumed(this.now())
  }

  /** Whether the entry is the only one on its session. */
  protected get isAlone(): boolean {
    return this.#session !== null && this.#session.clientCount === 1 && this.#session.link.longestWaitMs > 0
  }

  /** Like `ask`, on a session without other keys. */
  protected askInServerQueue(): void {
    if (this.#isToDepart) return
    if (!this.isAlone) this.#join(this.host.serverQueue.assignAlone(this))
    this.ask()
  }

  /** How long the first caller's request may wait in the server's queue. */
  protected get queueWaitMs(): number {
    const longestMs = this.host.serverQueue.longestWaitMs(this.#session!)
    const remainingMs = Math.min(
      this.queue.first!.remainingMs(this.now()),
      this.queuePolicy!.msUntilBreak(this.wall),
    )
    return Math.min(longestMs, Math.ceil(remainingMs))
  }

  /** Whether to use the server's queue: other processes want the key, and the queue passes it on in order. */
  get #isQueueWorthwhile(): boolean {
    const { queuePolicy: line } = this
    return line !== null && line.isBusy(this.now()) && hasTimeForQueue(line.msUntilBreak(this.wall))
  }

  /** Learns from a grant whether the queue is worthwhile. The first caller has waited longest. */
  protected learnFrom(kind: OperationKind, now: number): void {
    const { first } = this.queue
    if (first !== null && wasShortEnough(kind, now - first.since)) this.ownQueuePolicy.seen(now)
  }

  /** Whether an entry that listens has a reason to wait in the server's queue instead. */
  protected get prefersServerQueue(): boolean {
    const hasLostRace = this.remoteWait !== null && this.remoteWait.hasLostRace
    return hasLostRace || (this.queuePolicy !== null && this.queuePolicy.queuedLately(this.now()))
  }

  /** Whether the first caller can wait in the server's queue now. */
  protected get canEnqueue(): boolean {
    const { first } = this.queue
    if (first === null || first.waitPolicy !== 'wait' || !this.#isQueueWorthwhile) return false
    return hasTimeForQueue(first.remainingMs(this.now())) && this.host.serverQueue.mayEnqueue(this)
  }

  /** The entry registers as a waiter instead. If it only lacks a session to itself, it will have one the next time. */
  protected registerInstead(): void {
    if (this.#isQueueWorthwhile && !this.isAlone) this.host.serverQueue.wantAlone()
  }

  protected loseRace(): void {
    this.remoteWait!.lostRace(() => this.#session!.signals.sendTicket(this.key))
  }

  protected notifyWaiters(): void {
    this.#session?.signals.notify(this)
  }

  /** The attempt failed. Callers whose policy is not to wait, or whose time is up, are refused. */
  protected refused(): void {
    for (const waiter of this.queue) {
      if (waiter.waitPolicy !== 'wait' || waiter.isOverdue) waiter.notGranted()
    }
  }

  /** The session and the locks on it are gone. Waiting callers keep their place. */
  protected keepPlaces(): void {
    for (const waiter of this.queue) waiter.keepsPlace = true
  }

  /** Only this method writes the state. */
  protected move(to: State | CommonState): void {
    const { machine } = this
    const was = this.#stand
    const is = machine.of(to)
    machine.assertMove(was, is, this.#session !== null, this)
    this.#stand = is
    this.entered(to, was.state)
    if (was.hasRegistration !== is.hasRegistration) this.host.registrationChanged(is.hasRegistration)
    if (was.isWaiting) this.host.waitEnded()
    if (is.isWaiting) this.host.waitBegan(this)
  }
}
