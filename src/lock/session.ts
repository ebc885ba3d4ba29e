import { assert, assertMove } from '../base/assert.js'
import type { Clock, Instant } from '../base/clock.js'
import { ConnectionError, type LockError } from '../base/errors.js'
import { inTime } from '../base/in-time.js'
import type { LockLink } from '../dialect/dialect.js'
import type { KeyCode } from '../dialect/lock-key.js'
import type { BatchReply } from '../dialect/lock-operation.js'
import type { PermitOperation, PermitReply } from '../dialect/permit-operation.js'
import { drawn } from './drawn-token.js'
import { NO_LONGER_HELD, recover, type Aftermath } from './failed-batch.js'
import type { PermitRequest, Request, Rung, SessionHost } from './session-host.js'
import { SessionChores, type ChoresHost } from './session-chores.js'
import { SessionLease, type LeaseHost } from './session-lease.js'

/**
 * - `idle`       holds nothing, has nothing on the wire: may be given up
 * - `executing`  one batch of operations is on the wire
 * - `holding`    is in use for at least one key, and has nothing on the wire
 * - `closing`    given up; nothing more is sent
 * - `closed`     gone, and every lock with it
 */
export type SessionState = 'idle' | 'executing' | 'holding' | 'closing' | 'closed'

/**
 * Every legal move. What is missing is a state in which the session waits inside the server: it never does, so a release
 * can't queue behind somebody's wait, and the server's idle timer always runs.
 */
export const SESSION_MOVES: Readonly<Record<SessionState, readonly SessionState[]>> = {
  idle: ['executing', 'closing', 'closed'],
  executing: ['idle', 'holding', 'closed'],
  holding: ['executing', 'idle', 'closed'],
  closing: ['closed'],
  closed: [],
}

/** The most operations in one statement. It takes the server some milliseconds, which a heartbeat can wait. */
export const MAX_BATCH = 1000

/** Looks at who holds what, at the same time: each takes the server a walk through all locks there are. */
const MAX_LOOKUPS = 4

const NOW = Promise.resolve()

/** A request, and what it asked when it left. */
interface Departed {
  readonly request: PermitRequest
  readonly operation: PermitOperation
}

/** What is on the wire. */
interface Sent {
  readonly batch: readonly Request[]
  readonly permits: readonly Departed[]
}

const NONE: readonly Departed[] = []

/**
 * One connection, and the many keys it is used for. Operations gather while a batch is on the wire and leave together
 * when its answer has come: one caller pays one round trip, a thousand share it, and no timer is involved.
 */
export class Session implements LeaseHost, ChoresHost {
  readonly id: number
  readonly link: LockLink
  readonly #host: SessionHost
  readonly #lease: SessionLease
  readonly #chores: SessionChores
  #noFencing: string | null
  #state: SessionState = 'idle'
  #clientCount = 0
  #open: Request[] = []
  #openPermits: PermitRequest[] = []
  #isFlushPlanned = false
  #toRing: Rung[] = []
  /** As `#toRing`, right behind the batch that they are in. */
  #toRingBehind: Request[] = []
  #lookups = 0

  /** `heardOf` is a moment before a statement was sent that the server has answered with the lease in force. */
  constructor(id: number, link: LockLink, heardOf: Instant, host: SessionHost) {
    this.id = id
    this.link = link
    this.#host = host
    this.#lease = new SessionLease(link.leaseMs, heardOf, this)
    this.#chores = new SessionChores(this)
    this.#noFencing = link.noFencing
  }

  /** Begins the heartbeats. It may find the lease over already, so whoever is then to be told must know the session by now. */
  start(): void {
    this.#lease.start()
    if (!this.#isOver) this.#chores.start()
  }

  get clock(): Clock {
    return this.#host.clock
  }

  get isExecuting(): boolean {
    return this.#state === 'executing'
  }

  get state(): SessionState {
    return this.#state
  }

  /** Milliseconds since the last statement that was answered was sent. */
  get silentMs(): number {
    return this.#lease.silentMs
  }

  /** Keys it is used for. */
  get clientCount(): number {
    return this.#clientCount
  }

  clientAdded(): void {
    this.#clientCount++
  }

  clientRemoved(): void {
    this.#clientCount--
    if (this.#clientCount === 0 && this.#state === 'holding') this.#move('idle')
  }

  /**
   * It leaves with the next batch. `ringsBehind`: it is a release that is wanted, by all that is known, and is rung for
   * without waiting for the answer, which saves those who wait a round trip.
   */
  submit(request: Request, ringsBehind = false): void {
    this.#open.push(request)
    if (ringsBehind) this.#toRingBehind.push(request)
    this.#planFlush()
  }

  /** As `submit`; what it asks is decided when it leaves. Statements of their own, sent and answered with the batch. */
  submitPermits(request: PermitRequest): void {
    this.#openPermits.push(request)
    this.#planFlush()
  }

  #planFlush(): void {
    if (this.#isFlushPlanned || this.#state === 'executing') return
    this.#isFlushPlanned = true
    // Not queueMicrotask, which makes an async resource each time.
    void NOW.then(this.#plannedFlush)
  }

  readonly #plannedFlush = (): void => {
    this.#isFlushPlanned = false
    this.#flush()
  }

  /** Wakes the other processes that wait for its key. A statement of its own: if it fails, nothing else has. */
  ring(request: Rung): void {
    this.#toRing.push(request)
    if (this.#toRing.length > 1) return
    void NOW.then(() => {
      const requests = this.#toRing
      this.#toRing = []
      if (!this.#isOver) this.#ringNow(requests)
    })
  }

  #ringNow(requests: readonly Rung[]): void {
    // Those who want the key again here wait for the answer, and nobody waits for ever.
    const late = (): Error => new ConnectionError('the server did not answer in time')
    const ringing = this.link.ring(requests.map(({ key }) => key))
    inTime(this.clock, this.link.leaseMs, ringing, late).then(
      (wanted) => {
        for (const request of requests) request.rang(wanted.has(request.key.id))
      },
      (error: unknown) => {
        this.#host.warn('ringing failed', error as Error)
        for (const request of requests) request.rang(true)
      },
    )
  }

  claim(key: KeyCode): void {
    this.link.claim(key).catch((error: unknown) => this.#host.warn('claiming a turn failed', error as Error))
  }

  tell(message: string): void {
    this.link
      .tell(message)
      .catch((error: unknown) => this.#host.warn('looking for a deadlock failed', error as Error))
  }

  async isHeldElsewhere(key: KeyCode): Promise<boolean> {
    return (await this.holderOf(key)) !== null
  }

  /** Whether another session is interested in a key that this one holds. It rings, and wakes those in vain. */
  async isWanted(key: KeyCode): Promise<boolean> {
    if (this.#isOver) return false
    try {
      return (await this.link.ring([key])).has(key.id)
    } catch {
      return false
    }
  }

  /** What delayed the grant of this key need delay nobody else. Sent at once, and so before its release. */
  settled({ key, mode }: Request): void {
    this.link.settled(key, mode).catch((error: unknown) => {
      this.#host.warn('a mark of a former holder could not be removed', error as Error)
    })
  }

  /** In words, for a message to those who have waited in vain; null if it can't be told. */
  async holderOf(key: KeyCode): Promise<string | null> {
    if (this.#isOver || this.#lookups >= MAX_LOOKUPS) return null
    this.#lookups++
    try {
      return await this.link.holderOf(key)
    } catch {
      // It would have been nice to know, and nothing more.
      return null
    } finally {
      this.#lookups--
    }
  }

  /** Declares everything lost if the lease has run out. Asked at every use, because timers are late after a pause. */
  verify(): void {
    if (!this.#isOver) this.#lease.verify()
  }

  /** Everything this session held is lost, as of now. */
  lose(reason: string, cause?: Error): void {
    if (this.#isOver) return
    this.#move('closed')
    this.#end()
    const clients = this.#host.clientsOf(this)
    this.#host.lost(this, reason, clients.length, cause)
    for (const client of clients) client.lost(reason, cause)
  }

  /** Gives the connection up, with nothing on it. */
  async close(): Promise<void> {
    assert(this.#clientCount === 0, 'a session in use is not given up')
    this.#move('closing')
    this.#end()
    try {
      await this.link.detach()
    } finally {
      // The connection may have ended meanwhile.
      if (this.state === 'closing') this.#move('closed')
    }
  }

  get #isOver(): boolean {
    return this.#state === 'closing' || this.#state === 'closed'
  }

  #end(): void {
    this.#lease.stop()
    this.#chores.stop()
    this.#open = []
    this.#openPermits = []
    this.#toRingBehind = []
  }

  #flush(): void {
    if (this.#isOver || this.#state === 'executing') return
    const batch = this.#open.length <= MAX_BATCH ? this.#open : this.#open.slice(0, MAX_BATCH)
    this.#open = this.#open.length <= MAX_BATCH ? [] : this.#open.slice(MAX_BATCH)
    const permits = this.#openPermits.length === 0 ? NONE : this.#departing()
    if (batch.length === 0 && permits.length === 0) return
    this.#move('executing')
    const sentAt = this.#lease.sent()
    const stamp = this.#host.arrivals
    const sent = { batch, permits }
    const failed = (error: unknown): void => void this.#failed(sent, error)
    if (permits.length === 0) {
      this.link.run(batch).then((reply) => this.#answered(sent, reply, [], sentAt, stamp), failed)
    } else {
      this.#sendAll(sent).then(
        ([reply, replies]) => this.#answered(sent, reply, replies, sentAt, stamp),
        failed,
      )
    }
    if (this.#toRingBehind.length > 0) this.#ringBehind()
  }

  /** For those that have just left. Statements take effect in the order they are sent in. */
  #ringBehind(): void {
    const staying = new Set(this.#open)
    const left = this.#toRingBehind.filter((request) => !staying.has(request))
    this.#toRingBehind = this.#toRingBehind.filter((request) => staying.has(request))
    if (left.length > 0) this.#ringNow(left)
  }

  #departing(): readonly Departed[] {
    const departing: Departed[] = []
    const open = this.#openPermits
    this.#openPermits = []
    for (const request of open) {
      const operation = request.depart(this)
      if (operation !== null) departing.push({ request, operation })
    }
    return departing
  }

  /** At once, each a statement of its own. */
  #sendAll({ batch, permits }: Sent): Promise<[BatchReply | null, PermitReply[]]> {
    const reply = batch.length === 0 ? null : this.link.run(batch)
    return Promise.all([reply, Promise.all(permits.map(({ operation }) => this.link.permits(operation)))])
  }

  #answered(
    { batch, permits }: Sent,
    reply: BatchReply | null,
    replies: readonly PermitReply[],
    sentAt: Instant,
    stamp: number,
  ): void {
    if (this.#isOver) return
    this.#lease.heard(sentAt)
    this.#rest()
    if (this.link.noFencing !== this.#noFencing) this.tokensChanged()
    if (reply !== null) this.#tell(batch, reply, stamp)
    for (const [i, { request }] of permits.entries()) {
      if (this.#isOver) return
      request.replied(replies[i]!)
    }
    this.#flush()
  }

  #tell(batch: readonly Request[], { answers, token, delaysMs }: BatchReply, stamp: number): void {
    assert(answers.length === batch.length, 'an answer for each operation')
    const draw = drawn(token)
    // One look at the clock is enough for a thousand grants.
    const now = this.#host.clock.now()
    const leastMs = this.#isSettling ? Math.max(this.#chores.settledAt - now, 0) : 0
    for (let i = 0; i < batch.length; i++) {
      // Somebody told of a loss may have used it to end this session.
      if (this.#isOver) return
      batch[i]!.answered(
        answers[i]!,
        draw,
        stamp,
        now,
        delaysMs === null ? leastMs : Math.max(delaysMs[i]!, leastMs),
      )
    }
  }

  /** In strict mode, on a server to which marks of others may not have come. */
  get #isSettling(): boolean {
    return this.#chores.settledAt > 0 && this.#host.wants.strict
  }

  async #failed({ batch, permits }: Sent, error: unknown): Promise<void> {
    if (this.#isOver) return
    const sentAt = this.clock.instant()
    const explained = this.#host.explain(error)
    const requests = [...batch, ...permits.map(({ request }) => request)]
    const mayAsk = this.link.goesWithoutTokens(error)
    if (mayAsk) this.tokensChanged()
    else this.#host.warn('a batch of lock operations failed', explained)
    let aftermath: Aftermath
    try {
      const unsent = (): ReadonlySet<unknown> => new Set(this.#open)
      aftermath = await recover(this.link, () => this.#host.clientsOf(this), unsent)
    } catch (cause) {
      if (this.#isOver) return
      this.#tellFailed(requests, explained, false)
      return this.lose('what it held could not be told after a failed batch', cause as Error)
    }
    if (this.#isOver) return
    this.#lease.heard(sentAt)
    this.#rest()
    this.#tellFailed(requests, explained, mayAsk)
    this.#forget(aftermath, explained)
    this.#flush()
  }

  /** Until somebody who is told uses it to end this session, by which the rest of them lose it. */
  #tellFailed(requests: readonly (Request | PermitRequest)[], error: LockError, mayAsk: boolean): void {
    for (const request of requests) {
      if (this.#isOver) return
      request.failed(error, mayAsk)
    }
  }

  /** The server does not have these, though it should: this session is no longer used for them. */
  #forget({ losers, gone }: Aftermath, why: LockError): void {
    if (gone.size === 0) return
    this.#open = this.#open.filter(({ key }) => !gone.has(key.id))
    this.#toRingBehind = this.#toRingBehind.filter(({ key }) => !gone.has(key.id))
    for (const client of losers) {
      if (this.#isOver) return
      this.clientRemoved()
      client.lost(NO_LONGER_HELD, why)
    }
  }

  #rest(): void {
    this.#move(this.#clientCount === 0 ? 'idle' : 'holding')
  }

  get isFencing(): boolean {
    return this.#host.wants.fencing !== 'off'
  }

  warn(message: string, error?: Error): void {
    this.#host.warn(message, error)
  }

  tokensChanged(): void {
    this.#noFencing = this.link.noFencing
    this.#host.tokensChanged(this.#noFencing)
    this.#chores.lookForTokens()
  }

  beat(): void {
    const sentAt = this.#lease.sent()
    this.link.heartbeat().then(
      () => this.#lease.heard(sentAt),
      (error: unknown) => this.lose('its heartbeat failed', error as Error),
    )
  }

  leaseOver(silentMs: number): void {
    this.lose(`the server was not heard of for ${Math.round(silentMs)} ms and may have freed it`)
  }

  toString(): string {
    return `session ${this.id}`
  }

  /** The only writer of the state. */
  #move(to: SessionState): void {
    const from = this.#state
    assertMove(SESSION_MOVES, from, to, this)
    this.#state = to
    this.#host.moved(this, from)
  }
}
