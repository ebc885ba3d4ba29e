import type { LockError } from '../../base/errors.js'
import { Fifo } from '../../base/fifo.js'
import type { Holding } from '../../dialect/dialect.js'
import type { KeyCode, LockKey } from '../../dialect/lock-key.js'
import type { OperationKind } from '../../dialect/lock-operation.js'
import type { LockWaiter, WaitedFor } from '../handle/lock-waiter.js'
import type { Client, Departure, Rung } from '../session/departure.js'
import type { Session } from '../session/session.js'
import type { Tenant } from '../session/tenant.js'
import type { Dirty } from './agenda.js'
import type { ContendedHost } from './contended-host.js'
import type { CommonState, Machine, Stand } from './machine.js'
import { PlaceInLine, wasQuick } from './place-in-line.js'
import { Sleep, type Wake } from './sleep.js'

/**
 * What callers here contend for with other processes: a key, or the permits of a semaphore. The base is about the others:
 * on which session it is, how it sleeps and stands in line, what wakes it. Which callers here have it, and what is asked of
 * the server, is for those who extend it.
 *
 * There is one operation under way at most. What it is about is decided when it leaves: until then callers gather, and go
 * with it.
 */
export abstract class Contended<State extends string, Host extends ContendedHost>
  implements Dirty, Tenant, WaitedFor, Client, Rung
{
  label: LockKey
  readonly queue: Fifo<LockWaiter<WaitedFor>> = new Fifo()
  nextDirty: Dirty | null = null
  protected readonly host: Host
  /** A first attempt has just failed. */
  protected contended = false
  /** Made when it first stands in line. It outlasts a rest. */
  protected line: PlaceInLine | null = null
  /** Made at the first contention: most keys never need one. */
  protected sleep: Sleep | null = null
  #stand: Stand<State | CommonState>
  #session: Session | null = null
  /** It waits for the next departure of its session. */
  #isToDepart = false

  constructor(label: LockKey, host: Host, machine: Machine<State | CommonState>) {
    this.label = label
    this.host = host
    this.#stand = machine.of('idle')
  }

  /** What is rung for. */
  abstract readonly key: KeyCode
  abstract readonly isHeld: boolean
  /** In a sentence. */
  abstract readonly inWords: string

  protected abstract readonly machine: Machine<State | CommonState>

  abstract advance(): void
  abstract isAskingFor(waiter: LockWaiter<WaitedFor>): boolean
  abstract askForHolder(): Promise<string | null> | null
  abstract holding(): readonly Holding[]
  abstract lost(reason: string, cause?: Error): void
  abstract rang(isWanted: boolean): void
  /** It is its turn: what it asks now, if anything. */
  protected abstract departing(departure: Departure): void
  /** So many turns in a row that were had at once: nobody else wants it any more. */
  protected abstract readonly aloneAfter: number
  /** The state has been written. */
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
    return this.sleep === null ? 'no' : this.sleep.wake
  }

  toString(): string {
    return this.inWords
  }

  now(): number {
    return this.host.clock.now()
  }

  /** Its facts have changed. */
  touch(): void {
    this.host.agenda.touch(this)
  }

  /** There may be a session for it now, or room. */
  proceed(): void {
    this.touch()
  }

  /** There can be no session. Callers who were waiting before the trouble keep their turn until their own deadline. */
  sessionFailed(error: LockError): void {
    this.host.agenda.run(() => {
      for (const waiter of this.queue) {
        if (!waiter.isSeasoned) waiter.refuse(error)
      }
      if (this.queue.size > 0) this.ownSleep.fallAsleep()
    })
  }

  /** Declares it lost if the lease has run out, however late it is asked. */
  verify(): void {
    this.#session?.verify()
  }

  /** A waiter has gone, served or not. */
  left(waiter: LockWaiter<WaitedFor>, isGranted: boolean): void {
    this.host.left(waiter, isGranted)
    // Whoever grants goes on by itself.
    if (!isGranted) this.touch()
  }

  claimed(sender: string): void {
    this.ownSleep.claimed(sender)
  }

  depart(departure: Departure): void {
    // It may have lost its place among the requests of this session, and be on another.
    if (departure.session !== this.#session) return
    this.#isToDepart = false
    this.departing(departure)
  }

  protected get ownSleep(): Sleep {
    return (this.sleep ??= new Sleep(this.host, () => this.touch()))
  }

  protected get ownLine(): PlaceInLine {
    return (this.line ??= new PlaceInLine(this.aloneAfter))
  }

  /** False: it hears when there is a session. */
  protected assign(): boolean {
    this.#session ??= this.host.assign(this)
    return this.#session !== null
  }

  /** Asks the server at the next departure of its session, for whatever is to be asked then. */
  protected ask(): void {
    if (this.#isToDepart || !this.assign()) return
    this.#isToDepart = true
    this.#session!.submit(this)
  }

  /** There is no session any more, or nothing to use one for. */
  protected leaveSession(): void {
    this.#session = null
    this.#isToDepart = false
  }

  /** Whether it is on a session that waits for it alone. */
  protected get isAlone(): boolean {
    return this.#session !== null && this.#session.clientCount === 1 && this.#session.link.longestWaitMs > 0
  }

  /** As `ask`, on a session of its own. */
  protected askInLine(): void {
    if (this.#isToDepart) return
    if (!this.isAlone) this.#session = this.host.line.assignAlone(this)
    this.ask()
  }

  /** How long to wait in line, for the caller who is first. */
  protected get lineMs(): number {
    const longestMs = this.host.line.longestWaitMs(this.#session!)
    return Math.min(longestMs, Math.ceil(this.queue.first!.leftMs(this.now())))
  }

  /** It is known that others want it, and the server gives it to those in line in their order. */
  protected get isWorthALine(): boolean {
    const { line } = this
    return line !== null && line.isBusy(this.now())
  }

  /** Whoever is served first has waited longest. */
  protected learnFrom(kind: OperationKind, now: number): void {
    const { first } = this.queue
    if (first !== null && wasQuick(kind, now - first.since)) this.ownLine.seen(now)
  }

  protected get hasLostRace(): boolean {
    return this.sleep !== null && this.sleep.hasLostRace
  }

  protected loseRace(): void {
    this.sleep!.lostRace(() => this.#session!.signals.claim(this.key))
  }

  protected ring(): void {
    this.#session?.signals.ring(this)
  }

  /** Callers here got nothing. Those without patience, and those whose time is up, leave. */
  protected refused(): void {
    for (const waiter of this.queue) {
      if (waiter.patience !== 'wait' || waiter.isOverdue) waiter.notGranted()
    }
  }

  /** What was held is gone. Callers who wait keep their turn. */
  protected seasoned(): void {
    for (const waiter of this.queue) waiter.isSeasoned = true
  }

  /** The only writer of the state. */
  protected move(to: State | CommonState): void {
    const { machine } = this
    const was = this.#stand
    const is = machine.of(to)
    machine.assertMove(was, is, this.#session !== null, this)
    this.#stand = is
    this.entered(to, was.state)
    if (was.hasInterest !== is.hasInterest) this.host.interestChanged(is.hasInterest)
    if (was.isAsleep) this.host.awake()
    if (is.isAsleep) this.host.asleep(this)
  }
}
