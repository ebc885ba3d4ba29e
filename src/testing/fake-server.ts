import { assert } from '../base/assert.js'
import { globalClock, type Cancel, type Clock } from '../base/clock.js'
import { ConnectionError, LockError, LockTableFullError } from '../base/errors.js'
import type { Random } from '../base/random.js'
import type {
  Dialect,
  NotificationHandlers,
  Guarded,
  Holding,
  LinkSettings,
  LockLink,
  TableUse,
} from '../dialect/dialect.js'
import type { KeyCode, LockKey } from '../dialect/lock-key.js'
import {
  endsCleanly,
  hasGranted,
  SAID,
  TOKEN_STEP,
  type BatchReply,
  type LockOperation,
} from '../dialect/lock-operation.js'
import type { PermitOperation, PermitReply } from '../dialect/permit-operation.js'
import type { Queryable } from '../dialect/queryable.js'
import type { ReleaseRequest } from '../dialect/release-request.js'
import type { ReportRow } from '../dialect/session-report.js'
import { FakeConnection } from './fake-connection.js'
import { FakeGuard } from './fake-guard.js'
import { FakeLeaders } from './fake-leaders.js'
import { FakeServerQueues } from './fake-server-queues.js'
import { FakeLockTable } from './fake-lock-table.js'
import { FakeHoldRecords } from './fake-hold-records.js'
import { carryOutPermits, fakeSemaphore } from './fake-permits.js'

/** The properties of a server in memory. */
export interface FakeServerOptions {
  /** Default: the real clock, or the fake timers of a test framework. */
  readonly clock?: Clock
  /** With it, every message takes a random time, up to `latencyMs`. */
  readonly random?: Random
  /** How long a message takes, in each direction. Default 0: it arrives at once, but is answered later. */
  readonly latencyMs?: number
  /** Size of the lock table. Default: unlimited. */
  readonly capacity?: number
  /** The part of it that each connection adds. Default: an eighth. */
  readonly capacityPerSession?: number
  /** Whether it keeps names of keys. Default: no. */
  readonly keepsNames?: boolean
  readonly keepsReports?: boolean
}

/** A planned fault: the batch executes `after` operations, and fails. */
interface BatchFault {
  readonly after: number
  readonly error: Error
}

/**
 * A lock server in memory, for tests: connections and a dialect like those of a real server. It can refuse, delay, fail
 * halfway, fall silent and die, and it knows the true holders.
 */
export class FakeServer {
  /** All holders. */
  readonly table: FakeLockTable = new FakeLockTable()
  /** @internal The hold records of strict mode. */
  readonly holdRecords: FakeHoldRecords = new FakeHoldRecords()
  /** The open connections. */
  readonly connections: Set<FakeConnection> = new Set()
  /** The names of keys, by their ids, if they were recorded. */
  readonly names: Map<string, string> = new Map()
  /** Everything that was ever recorded about sessions. */
  readonly reports: (ReportRow & { readonly clockMs: number })[] = []
  /** Requests for locks that no process has read yet. */
  releaseRequests: readonly ReleaseRequest[] = []
  readonly clock: Clock
  readonly #random: Random | null
  readonly #latencyMs: number
  readonly #capacity: number
  readonly #capacityPerSession: number
  readonly #keepsNames: boolean
  readonly #keepsReports: boolean
  readonly #announced = new Map<number, { readonly sender: string; readonly entries: number }>()
  readonly #queues: FakeServerQueues
  readonly #batchFaults: BatchFault[] = []
  readonly #guard = new FakeGuard()
  readonly #leaders = new FakeLeaders()
  #nextId = 1
  #token = 0
  /** Why connecting is impossible, or null. */
  refuses: Error | null = null
  /** Whether connecting gets no answer at all. */
  isSilent = false
  /** The probability that a notification is lost. */
  notificationLoss = 0
  /** If set, token draws fail, together with their batch. Until it is null again there are no tokens. */
  tokenFault: Error | null = null
  /** See `attachDelayMs` of LockLink. `settled` counts how often the end of that delay was reported. */
  attachDelayMs = 0
  settled = 0
  /** The lease that strict pools have agreed on. */
  strictLeaseMs: number = Infinity
  /** How long a session can wait in the server's queue for a key, in milliseconds; 0 if it can't. */
  longestWaitMs = 750
  /** @internal The error of the next wait in the queue for a key. */
  queueFault: Error | null = null
  /** The number of executed statements of all kinds. */
  statements = 0
  /** @internal Called when a listener wants fewer messages, or more again. */
  hushed: ((strangers: boolean) => void) | null = null
  /** @internal How many of these statements read what other pools use of the lock table. */
  looks = 0
  /** @internal The cost of such a look for the server, in milliseconds. */
  lookCostMs = 0
  /** @internal Announcements of strangers about the lock table. */
  foreign: { foreignPools: number; foreignAnnounced: number; foreignHeld: number } = NO_FOREIGN_POOLS

  constructor(options: FakeServerOptions = {}) {
    const { clock = globalClock, random, latencyMs = 0, capacity = Infinity } = options
    this.clock = clock
    this.#queues = new FakeServerQueues(clock, this.table)
    this.#random = random ?? null
    this.#latencyMs = latencyMs
    this.#capacity = capacity
    this.#capacityPerSession = options.capacityPerSession ?? capacity / 8
    this.#keepsNames = options.keepsNames ?? false
    this.#keepsReports = options.keepsReports ?? false
  }

  /** @internal The number of sessions that wait in the queue for any key. */
  get queued(): number {
    return this.#queues.waiting
  }

  /** @internal For a pool: connects to this server. */
  readonly factory = {
    open: async (signal: AbortSignal): Promise<FakeConnection> => {
      if (this.isSilent)
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      await this.#travel()
      if (this.refuses !== null) throw this.refuses
      const connection = new FakeConnection(this.#nextId++, this)
      this.connections.add(connection)
      return connection
    },
    close: async (connection: FakeConnection): Promise<void> => {
      await this.#travel()
      this.#endByClient(connection, new Error('closed by the client'))
    },
    destroy: (connection: FakeConnection): void => {
      this.#endByClient(connection, new Error('destroyed by the client'))
    },
    check: (connection: FakeConnection): Promise<void> => connection.ask(() => undefined),
    onEnd: (connection: FakeConnection, ended: (cause: Error) => void): void => connection.onEnd(ended),
  }

  /** @internal For a lock pool: locks in this server. */
  readonly dialect: Dialect<FakeConnection> = {
    encodeKey: (key: LockKey, namespace: string): KeyCode => ({ id: fakeKeyId(key, namespace) }),
    encodeSemaphore: (key, permits, namespace) => fakeSemaphore(fakeKeyId(key, namespace), permits),
    attach: async (connection, settings, ended) => {
      connection.onEnd(ended)
      const leaseMs = settings.strict ? Math.min(settings.leaseMs, this.strictLeaseMs) : settings.leaseMs
      await connection.ask(() => (connection.leaseMs = leaseMs))
      return this.#link(connection, { ...settings, leaseMs })
    },
    listen: async (connection, handlers) => {
      connection.onEnd((cause) => handlers.onEnd(cause))
      await connection.ask(() => (connection.handlers = handlers))
      const stop = (): Promise<void> => connection.ask(() => void (connection.handlers = null))
      const nothing = (): Promise<void> => connection.ask(() => undefined)
      const deliver = (strangers: boolean): Promise<void> => connection.ask(() => this.hushed?.(strangers))
      return { check: nothing, receivePublic: deliver, stop }
    },
    guard: async (_transaction: Queryable, guarded: Guarded) => this.#guard.check(guarded),
    recordLeader: (connection, record) =>
      connection.ask(() => this.#leaders.record(record, new Date(this.clock.instant().wall))),
    readLeader: (connection, key) =>
      connection.ask(() => {
        const holder = this.table.holders(key.id).find(({ mode }) => mode === 'exclusive')
        return holder === undefined ? null : this.#leaders.read(key.id, holder.owner)
      }),
    writeNames: (connection, names) =>
      connection.ask(() => names.forEach(({ code, name }) => this.names.set(code.id, name))),
    writeReports: (connection, rows, clockMs) =>
      connection.ask(() => rows.forEach((row) => this.reports.push({ ...row, clockMs }))),
    takeReleaseRequests: (connection, serverIds) =>
      connection.ask(() => this.#takeReleaseRequests(serverIds)),
    explain: (error) =>
      error instanceof LockError ? error : new ConnectionError(String(error), { cause: error }),
  }

  #takeReleaseRequests(serverIds: readonly number[]): readonly ReleaseRequest[] {
    const taken = this.releaseRequests.filter(({ serverId }) => serverIds.includes(serverId))
    this.releaseRequests = this.releaseRequests.filter((request) => !taken.includes(request))
    return taken
  }

  /** Ends a session: its locks are released, and its client learns of it unless the network is cut. */
  end(connection: FakeConnection, cause: Error = new Error('terminated by the administrator')): void {
    if (!this.connections.delete(connection)) return
    this.#queues.end(connection.serverId)
    this.table.end(connection.serverId)
    this.#announced.delete(connection.serverId)
    connection.ended(cause)
  }

  /** The connection of one session. */
  connection(serverId: number): FakeConnection {
    const found = [...this.connections].find((connection) => connection.serverId === serverId)
    assert(found !== undefined, `there is no session ${serverId}`)
    return found
  }

  /** All sessions end at once, and connections are refused until `start`. */
  stop(): void {
    this.refuses = new Error('the server is shutting down')
    for (const connection of [...this.connections])
      this.end(connection, new Error('the server is shutting down'))
  }

  /** Accepts connections again. */
  start(): void {
    this.refuses = null
  }

  /** @internal Starts the idle timer of a session: when its lease is over, the server ends it. */
  armLease(connection: FakeConnection): Cancel {
    return this.clock.after(connection.leaseMs, () => this.end(connection, new Error('idle-session timeout')))
  }

  /** The next batch fails after `after` operations. */
  failNextBatch(after: number, error: Error = new Error('out of shared memory')): void {
    this.#batchFaults.push({ after, error })
  }

  /** @internal The time that one message takes. */
  travelMs(): number {
    return this.#latencyMs * (this.#random?.next() ?? 1)
  }

  #travel(): Promise<void> {
    const ms = this.travelMs()
    return ms === 0 ? Promise.resolve() : new Promise((resolve) => void this.clock.after(ms, resolve))
  }

  /** The server does not learn of it if the network is cut. */
  #endByClient(connection: FakeConnection, cause: Error): void {
    if (connection.isCutOff) connection.leave(cause)
    else this.end(connection, cause)
  }

  #link(connection: FakeConnection, settings: LinkSettings): LockLink {
    const owner = connection.serverId
    let noFencing = settings.fencing === 'off' ? '"fencing" is off' : null
    const draws = (): boolean => noFencing === null
    return {
      serverId: owner,
      leaseMs: settings.leaseMs,
      attachDelayMs: this.attachDelayMs,
      capacity: this.#capacity,
      capacityPerSession: this.#capacityPerSession,
      get noFencing() {
        return noFencing
      },
      shortfall: null,
      keepsNames: this.#keepsNames,
      keepsReports: this.#keepsReports,
      receivesRequests: this.#keepsReports,
      longestWaitMs: this.longestWaitMs,
      ...this.#operations(connection, settings, draws),
      delayEnded: (key, mode) => connection.ask(() => this.holdRecords.waitedForWriter(key, mode)),
      attachDelayEnded: () => connection.ask(() => void this.settled++),
      goesWithoutTokens: (error) => {
        if (!draws() || error !== this.tokenFault) return false
        noFencing = String(this.tokenFault)
        return true
      },
      findTokens: () =>
        connection.ask(() => {
          noFencing = this.tokenFault === null ? null : String(this.tokenFault)
        }),
      ...this.#messages(connection, settings.sender),
      announce: (sender, entries) => connection.ask(() => this.#announce(owner, sender, entries)),
      tableUse: (ours) => connection.ask(() => this.#tableUse(ours)),
      holderOf: (key) => connection.ask(() => this.#holderOf(owner, key)),
      heartbeat: () => connection.ask(() => undefined),
      reconcile: (expected) =>
        connection.ask((): readonly Holding[] => this.table.reconcile(owner, expected)),
      detach: () => connection.ask(() => void (connection.leaseMs = Infinity)),
    }
  }

  #operations(
    connection: FakeConnection,
    settings: LinkSettings,
    draws: () => boolean,
  ): Pick<LockLink, 'run' | 'enqueue' | 'permits'> {
    const owner = connection.serverId
    return {
      run: (operations) =>
        this.#withHoldRecords(connection, operations, settings, () =>
          connection.ask(() => this.#run(owner, operations, draws())),
        ),
      enqueue: (operation, waitMs) =>
        this.#withHoldRecords(connection, [operation], settings, () =>
          this.#enqueue(connection, operation, waitMs, draws()),
        ),
      permits: (operation) => this.#askPermits(connection, operation, draws()),
    }
  }

  #messages(
    connection: FakeConnection,
    sender: string,
  ): Pick<LockLink, 'notify' | 'isWanted' | 'isQueuedFor' | 'sendTicket' | 'broadcast'> {
    const owner = connection.serverId
    return {
      notify: (keys) => connection.ask(() => this.#wakeWaiters(owner, keys, sender)),
      isQueuedFor: ({ id }) => connection.ask(() => this.table.isAwaited(id)),
      isWanted: ({ id }) => connection.ask(() => this.table.isWanted(owner, id) || this.table.isAwaited(id)),
      sendTicket: (key) =>
        connection.ask(() => this.#notifyAll((handlers) => handlers.onTicket(key.id, sender))),
      broadcast: (message) =>
        connection.ask(() => this.#notifyAll((handlers) => handlers.onMessage(message, sender))),
    }
  }

  /** Three statements in strict mode, as in a real server: the session may end between any two of them. */
  async #withHoldRecords(
    connection: FakeConnection,
    operations: readonly LockOperation[],
    { strict, leaseMs }: LinkSettings,
    run: () => Promise<BatchReply>,
  ): Promise<BatchReply> {
    const owner = connection.serverId
    if (!strict) return run()
    const ended = operations.filter(endsCleanly)
    const dropped = ended.length === 0 ? null : connection.ask(() => this.holdRecords.drop(owner, ended))
    const [, reply] = await Promise.all([dropped, run()])
    if (!hasGranted(reply.answers)) return reply
    const record = (): readonly number[] | null =>
      this.holdRecords.record(owner, leaseMs, operations, reply.answers)
    return { ...reply, delaysMs: await connection.ask(record) }
  }

  #enqueue(
    connection: FakeConnection,
    operation: LockOperation,
    waitMs: number,
    draws: boolean,
  ): Promise<BatchReply> {
    const { key, mode } = operation
    const fault = this.queueFault
    this.queueFault = null
    if (fault !== null) return connection.askLater((_, fail) => fail(fault))
    return this.#queues.during(connection, { key, mode, waitMs }, (end) => {
      if (end === 'late') return { answers: SAID.no, token: null, delaysMs: null }
      const reply = this.#run(connection.serverId, [operation], draws)
      return end === 'free' ? { ...reply, answers: SAID.free } : reply
    })
  }

  #askPermits(connection: FakeConnection, operation: PermitOperation, draws: boolean): Promise<PermitReply> {
    const { kind, semaphore, from, waitMs } = operation
    const { serverId: owner } = connection
    if (kind !== 'enqueue') return connection.ask(() => this.#permits(owner, operation, draws))
    const wait = { key: semaphore.slot(from), mode: 'exclusive', waitMs } as const
    return this.#queues.during(connection, wait, (end) => {
      const reply = this.#permits(owner, { ...operation, kind: 'take' }, draws, end !== 'late')
      return end === 'free' ? { ...reply, said: 'free' } : reply
    })
  }

  #run(owner: number, operations: readonly LockOperation[], hasTokens: boolean): BatchReply {
    const fault = this.#batchFaults.shift()
    assert(
      new Set(operations.map(({ key }) => key.id)).size === operations.length,
      'keys in a batch are distinct',
    )
    let answers = ''
    for (const [i, operation] of operations.entries()) {
      if (fault?.after === i) throw fault.error
      if (this.table.size >= this.#capacity && operation.kind !== 'release' && operation.kind !== 'leave') {
        throw new LockTableFullError('the lock table is full')
      }
      answers += this.table.apply(owner, operation)
    }
    if (fault !== undefined) throw fault.error
    const isNeeded = hasTokens && hasGranted(answers)
    if (isNeeded && this.tokenFault !== null) throw this.tokenFault
    return { answers, token: isNeeded ? String((this.#token += TOKEN_STEP)) : null, delaysMs: null }
  }

  #holderOf(owner: number, key: KeyCode): string | null {
    const others = this.table.holders(key.id).filter((holder) => holder.owner !== owner)
    return others.length === 0 ? null : others.map((holder) => `session ${holder.owner}`).join(' and ')
  }

  /** A fault strikes when this many slots are taken or released. */
  #permits(owner: number, operation: PermitOperation, draws: boolean, isTurn = false): PermitReply {
    const fault = this.#batchFaults.shift()
    const isFull = this.table.size >= this.#capacity
    if (isFull && operation.kind !== 'release' && operation.kind !== 'leave')
      throw new LockTableFullError('the lock table is full')
    const draw = (): string | null => {
      if (draws && this.tokenFault !== null) throw this.tokenFault
      return draws ? String((this.#token += TOKEN_STEP)) : null
    }
    const reply = carryOutPermits(this.table, owner, operation, draw, fault?.after ?? Infinity, isTurn)
    if (fault !== undefined) throw fault.error
    return reply
  }

  #announce(owner: number, sender: string, entries: number): void {
    if (entries > 0) this.#announced.set(owner, { sender, entries })
    else this.#announced.delete(owner)
  }

  #tableUse(ours: readonly number[]): TableUse {
    this.looks++
    const others = new Map<string, number>()
    for (const [owner, { sender, entries }] of this.#announced) {
      if (!ours.includes(owner)) others.set(sender, Math.max(entries, others.get(sender) ?? 0))
    }
    const owners = [...this.connections].map(({ serverId }) => serverId)
    const silent = owners.filter((each) => !ours.includes(each) && !this.#announced.has(each))
    return {
      pools: others.size,
      announced: [...others.values()].reduce((sum, each) => sum + each, 0),
      unannounced: silent.reduce((sum, each) => sum + this.table.heldBy(each).length, 0),
      ...this.foreign,
      costMs: this.lookCostMs,
    }
  }

  #wakeWaiters(owner: number, keys: readonly KeyCode[], sender: string): ReadonlySet<string> {
    const wanted = keys.map(({ id }) => id).filter((id) => this.table.isWanted(owner, id))
    for (const id of wanted) this.#notifyAll((handlers) => handlers.onWakeUp(id, sender))
    return new Set(wanted)
  }

  #notifyAll(deliver: (handlers: NotificationHandlers) => void): void {
    for (const connection of this.connections) {
      const isLost = this.notificationLoss > 0 && (this.#random?.next() ?? 0) < this.notificationLoss
      if (!isLost) connection.deliver(deliver)
    }
  }
}

const NO_FOREIGN_POOLS = { foreignPools: 0, foreignAnnounced: 0, foreignHeld: 0 }

function fakeKeyId(key: LockKey, namespace: string): string {
  if (typeof key === 'string') return `${namespace}/${key}`
  return typeof key === 'bigint' ? `#${key}` : `#${key.join(',')}`
}
