import { hostname } from 'node:os'
import { sleep, type Clock } from '../base/clock.js'
import type { Emitter } from '../base/emitter.js'
import { PoolClosedError, type LockError } from '../base/errors.js'
import { orAbort } from '../base/or-abort.js'
import type { Random } from '../base/random.js'
import type { Dialect, LockLink } from '../dialect/dialect.js'
import type { NamedKey } from '../dialect/named-key.js'
import { keyText } from '../dialect/key-words.js'
import type { ReleaseRequest } from '../dialect/release-request.js'
import type { SessionReport } from '../dialect/session-report.js'
import type { ConnectionFactory } from '../pool/connection-factory.js'
import { ConnectionPool, type PoolPorts } from '../pool/connection-pool.js'
import type { PoolOptions } from '../pool/pool-options.js'
import { Agenda } from './agenda/agenda.js'
import { Arbiter } from './contention/arbiter.js'
import type { ArbiterHost } from './contention/arbiter-host.js'
import { mayFindRecords, recordsForPeople, linkSettings, poolOptions } from './engine-options.js'
import { NotificationListener, type NotificationListenerHost } from './contention/notification-listener.js'
import { Keys } from './keys.js'
import { KeyNames, namesInUse } from './records/key-names.js'
import { LateRecords } from './records/late-records.js'
import { OrderlyEmitter } from './agenda/orderly-emitter.js'
import { LeakWatch } from './handle/leak-watch.js'
import type { LockEvents } from './lock-events.js'
import type { LockPoolOptions } from './lock-pool-options.js'
import type { ServerQueue } from './session/server-queue.js'
import { retryUntilAnswered } from './session/ready-attempts.js'
import { watchPrimary, type PrimaryWatch } from './session/primary-watch.js'
import { Semaphores } from './semaphore/semaphores.js'
import { ReportBoard } from './records/report-board.js'
import { requestedLocks } from './records/requested-locks.js'
import { sessionReports } from './records/session-reports.js'
import type { Client } from './session/outgoing-batch.js'
import type { Session, SessionState } from './session/session.js'
import { Sessions, type SessionsHost } from './session/sessions.js'
import type { SessionRequester } from './session/session-requester.js'
import { TableBudget, type BudgetHost } from './table-budget.js'

/** The database to lock in, the clock and the random generator. */
export interface EnginePorts<C extends object> {
  readonly factory: ConnectionFactory<C>
  readonly dialect: Dialect<C>
  readonly clock: Clock
  readonly random: Random
  /** Creates the connection pool, for subclasses. Default: a plain one. */
  readonly makePool?: MakePool<C>
}

export type MakePool<C extends object> = (
  factory: ConnectionFactory<C>,
  options: PoolOptions,
  ports: PoolPorts,
) => ConnectionPool<C>

/**
 * The parts, and their connections: the arbiter decides, sessions execute, the notification listener wakes, and all
 * connections come from one pool. Each part knows only what it needs of the others; the rest is here.
 */
export class Engine<C extends object>
  implements ArbiterHost, SessionsHost, NotificationListenerHost, BudgetHost
{
  readonly clock: Clock
  readonly random: Random
  readonly agenda: Agenda = new Agenda()
  readonly events: Emitter<LockEvents> = new OrderlyEmitter(this.agenda)
  readonly connections: ConnectionPool<C>
  readonly arbiter: Arbiter
  readonly keys: Keys
  readonly semaphores: Semaphores
  readonly sessions: Sessions<C>
  /** The name of this process in messages. */
  readonly process: string
  readonly listener: NotificationListener<C>
  readonly leaks: LeakWatch | null
  readonly primary: PrimaryWatch
  readonly #budget: TableBudget
  readonly #names: KeyNames<C> | null
  readonly #reports: ReportBoard<C> | null
  readonly #lateRecords: LateRecords<C> | null
  readonly #namespace: string
  readonly #sender: string
  /** Aborts when the pool is closed, so that `ready` rejects. */
  readonly #closing = new AbortController()
  readonly #borrows: boolean
  #shortfall: string | null = null
  #noFencing: string | null = null

  constructor(options: Required<LockPoolOptions>, ports: EnginePorts<C>) {
    const { factory, dialect, clock, random, makePool = (...all) => new ConnectionPool(...all) } = ports
    const { max, maxWaiting, idleTimeoutMs, leakWarningMs } = options
    // Sessions leave one place to borrowers, and borrowers leave one to sessions.
    const spare = max > 1 ? 1 : 0
    this.clock = clock
    this.random = random
    this.#borrows = dialect.join !== undefined
    this.process = processInWords(options.applicationName)
    this.#sender = Math.floor(random.next() * 2 ** 48).toString(36)
    this.connections = makePool(factory, poolOptions(options, spare), {
      clock,
      random,
      openFailed: () => this.#primaryMayBeDown(),
    })
    const guard = dialect.guard.bind(dialect)
    const hashOf = dialect.hashOf ?? null
    const { agenda } = this
    const parts = { agenda, clock, random, sender: this.#sender, process: this.process, guard, hashOf }
    this.leaks = leakWarningMs > 0 ? new LeakWatch(clock, leakWarningMs, this.events) : null
    this.arbiter = new Arbiter(parts, maxWaiting, this.events, this)
    this.keys = new Keys(parts, this.arbiter)
    this.semaphores = new Semaphores(this.arbiter)
    // A session sends heartbeats, which keeps the process alive.
    const sessionIdleMs = options.allowExitOnIdle ? Math.min(idleTimeoutMs, 1000) : idleTimeoutMs
    const link = linkSettings(options, this.#sender)
    const sessionOptions = { limit: max - spare, max, idleTimeoutMs: sessionIdleMs, link }
    this.sessions = new Sessions(this.connections, dialect, sessionOptions, this)
    this.#budget = new TableBudget(options.maxHeldLocks, this.#sender, this)
    this.#namespace = options.namespace
    this.#names = recordsForPeople(options) ? this.#keyNames(dialect) : null
    this.#reports = recordsForPeople(options) ? this.#reportBoard(dialect) : null
    this.#lateRecords = mayFindRecords(options) ? this.#lateRecordsOf(dialect) : null
    this.listener = new NotificationListener(this.connections, max, dialect, clock, this)
    this.primary = watchPrimary(this, options.otherCluster)
  }

  async ready(): Promise<void> {
    const { signal } = this.#closing
    signal.throwIfAborted()
    const attempt = async (): Promise<void> => {
      await orAbort(this.connections.ready(), signal)
      await orAbort(this.sessions.ready(), signal)
    }
    await retryUntilAnswered(attempt, this.connections, this.clock, signal)
  }

  /** Refuses waiters, gives holders and borrowers `graceMs`, and ends what is left. */
  async close(graceMs: number): Promise<void> {
    this.#closing.abort(new PoolClosedError())
    const since = this.clock.now()
    const enough = new AbortController()
    const timeLimit = sleep(this.clock, graceMs, enough.signal)
    this.arbiter.close()
    const closed = new PoolClosedError()
    const shareChecked = Promise.all([this.keys.close(closed), this.semaphores.close(closed)])
    await Promise.race([shareChecked, timeLimit])
    this.keys.detector.close()
    enough.abort()
    this.#budget.close()
    this.#names?.close()
    this.#reports?.close()
    this.#lateRecords?.close()
    // Sessions that borrow connections need one to report that they are gone.
    if (this.#borrows) await this.sessions.close()
    const remainingMs = Math.max(Math.ceil(graceMs - (this.clock.now() - since)), 0)
    await Promise.all([
      this.sessions.close(),
      this.listener.close(),
      this.connections.close({ graceMs: remainingMs }),
    ])
  }

  get lastFailure(): LockError | null {
    return this.sessions.lastFailure
  }

  get arrivals(): number {
    return this.arbiter.arrivals
  }

  get isListening(): boolean {
    return this.listener.state === 'listening'
  }

  assign(entry: SessionRequester): Session | null {
    return this.sessions.assign(entry)
  }

  unassign(entry: SessionRequester): void {
    this.sessions.unassign(entry)
  }

  room(entries: number): 'now' | 'later' | LockError {
    return this.#budget.room(entries)
  }

  makeRoom(): void {
    this.#budget.grow()
  }

  get used(): number {
    return this.sessions.keys + this.arbiter.registrationEntries + this.semaphores.permitEntries
  }

  get asking(): number {
    return this.arbiter.lockTableWaiters.entries
  }

  shareChecked(): void {
    this.arbiter.lockTableWaiters.roomKnown()
  }

  joined(link: LockLink): Promise<void> {
    if (link.server !== undefined) this.primary.check(link.server)
    this.#names?.joined(link)
    this.#reports?.joined(link)
    this.#lateRecords?.joined(link)
    return this.#budget.joined(link)
  }

  detached(link: LockLink): void {
    this.#names?.detached(link)
    this.#reports?.detached(link)
    this.#lateRecords?.detached(link)
    this.#budget.detached(link)
  }

  /** The names of the keys that callers here hold or wait for, if they have names. */
  namesInUse(): Iterable<NamedKey> {
    return namesInUse(this.keys, this.semaphores, this.#namespace)
  }

  /** The reports about this process's sessions, about what has lasted for `fromMs` or longer. */
  reports(fromMs: number): SessionReport[] {
    const now = this.clock.now()
    const { keys, semaphores, sessions } = this
    return sessionReports(
      { now, sessions: sessions.all, locks: keys.entries, semaphores: semaphores.entries },
      fromMs,
    )
  }

  get serverQueue(): ServerQueue {
    return this.sessions.serverQueue
  }

  waitBegan(): void {
    this.listener.addWaiter()
  }

  waitEnded(): void {
    this.listener.removeWaiter()
  }

  clientsOf(session: Session): (Client & SessionRequester)[] {
    const all = [...this.keys.entries, ...this.semaphores.entries]
    return all.filter((entry) => entry.session === session)
  }

  opened(session: Session): void {
    if (session.link.server !== undefined) this.primary.opened(session.link.server)
    this.tokensChanged(session.link.noFencing)
    this.events.emit('session:opened', { session: session.id, serverId: session.link.serverId })
    const { shortfall } = session.link
    // Warns once for all sessions with the same finding.
    if (shortfall !== null && shortfall !== this.#shortfall) this.warn(shortfall)
    this.#shortfall = shortfall
  }

  tokensChanged(noFencing: string | null): void {
    this.arbiter.noFencing = noFencing
    // Warns once, whatever the reason of each session.
    const isNews = noFencing !== null && this.#noFencing === null
    if (isNews && this.sessions.wants.fencing !== 'off')
      this.warn(`locks have no fencing tokens for now: ${noFencing}`)
    this.#noFencing = noFencing
  }

  moved(session: Session, from: SessionState): void {
    if (!this.events.hasListener('session:moved')) return
    this.events.emit('session:moved', { session: session.id, from, to: session.state })
  }

  lost(session: Session, reason: string, locks: number, error?: Error): void {
    this.#primaryMayBeDown()
    this.events.emit('session:lost', {
      session: session.id,
      reason,
      locks,
      ...(error === undefined ? {} : { error }),
    })
  }

  woken(keyId: string, sender: string): void {
    // Our own wake-ups are for other processes: this one has just had its turn.
    if (sender === this.#sender) return
    this.keys.woken(keyId, sender)
    this.semaphores.woken(keyId, sender)
  }

  ticketReceived(keyId: string, sender: string): void {
    this.keys.ticketReceived(keyId, sender)
    this.semaphores.ticketReceived(keyId, sender)
  }

  messageReceived(message: string, sender: string): void {
    if (sender !== this.#sender) this.keys.detector.received(message)
  }

  listening(): void {
    this.keys.listening()
    this.semaphores.listening()
  }

  #primaryMayBeDown(): void {
    if (this.sessions.all.length === 0) this.primary.down()
  }

  #reportBoard(dialect: Dialect<C>): ReportBoard<C> {
    const { connections, clock } = this
    const reports = this.reports.bind(this)
    return new ReportBoard({
      ...{ connections, dialect, clock, reports, warn: this.warn.bind(this) },
      requested: (request) => this.agenda.run(() => this.#requested(request)),
    })
  }

  #lateRecordsOf(dialect: Dialect<C>): LateRecords<C> {
    const { connections, clock } = this
    return new LateRecords({
      ...{ connections, dialect, clock, warn: this.warn.bind(this) },
      found: (link, tables) => {
        this.#names?.joined(link, tables)
        this.#reports?.joined(link, tables)
      },
    })
  }

  #requested(request: ReleaseRequest): void {
    for (const lock of requestedLocks(request, this.keys.entries, this.semaphores.entries)) {
      const { key, mode, heldMs } = lock
      this.events.emit('lock:requested', { key: keyText(key), mode, heldMs, reason: request.reason })
      this.agenda.defer(() => lock.request(request.reason))
    }
  }

  #keyNames(dialect: Dialect<C>): KeyNames<C> {
    const { connections, clock } = this
    const inUse = (): Iterable<NamedKey> => this.namesInUse()
    return new KeyNames({ connections, dialect, clock, inUse, warn: this.warn.bind(this) })
  }

  warn(message: string, error?: Error): void {
    this.events.emit('warning', { message, ...(error === undefined ? {} : { error }) })
  }
}

/** The name of this process in messages to processes that wait for it. */
function processInWords(applicationName: string): string {
  return `process ${process.pid} on ${hostname()} (${applicationName})`
}
