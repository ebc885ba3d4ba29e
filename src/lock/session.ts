import { assert, assertMove } from '../base/assert.js'
import type { Cancel, Instant } from '../base/clock.js'
import type { LockError } from '../base/errors.js'
import type { Holding, LockLink } from '../dialect/dialect.js'
import type { KeyCode } from '../dialect/lock-key.js'
import type { BatchReply } from '../dialect/lock-operation.js'
import type { PermitOperation, PermitReply } from '../dialect/permit-operation.js'
import { drawn } from './drawn-token.js'
import type { Client, PermitRequest, Request, Rung, SessionHost } from './session-host.js'

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
 *
 * The server frees the locks of a session it has not heard of for `leaseMs`. The session declares them lost some time
 * before that, counted from when the last statement that was answered was *sent*: the server's clock started later.
 */
export class Session {
  readonly id: number
  readonly link: LockLink
  readonly #host: SessionHost
  readonly #leaseMs: number
  #state: SessionState = 'idle'
  #clientCount = 0
  #open: Request[] = []
  #openPermits: PermitRequest[] = []
  #isFlushPlanned = false
  #heardOf: Instant
  #lastSent: Instant
  #cancelPulse: Cancel | null = null
  #toRing: Rung[] = []
  #lookups = 0

  /** `attachedAt` is a moment before the first statement that put the lease in force was sent. */
  constructor(id: number, link: LockLink, attachedAt: Instant, host: SessionHost) {
    this.id = id
    this.link = link
    this.#host = host
    this.#leaseMs = host.leaseMs - leaseMargin(host.leaseMs)
    this.#heardOf = this.#lastSent = attachedAt
  }

  /** Begins the heartbeats. It may find the lease over already, so whoever is then to be told must know the session by now. */
  start(): void {
    this.#pulse()
  }

  get state(): SessionState {
    return this.#state
  }

  /** Milliseconds since the last statement that was answered was sent. */
  get silentMs(): number {
    return this.#host.clock.since(this.#heardOf)
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

  submit(request: Request): void {
    this.#open.push(request)
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
      if (this.#isOver) return
      this.link.ring(requests.map(({ key }) => key)).then(
        (wanted) => {
          for (const request of requests) if (!wanted.has(request.key.id)) request.notWanted()
        },
        (error: unknown) => this.#host.warn('ringing failed', error as Error),
      )
    })
  }

  claim(key: KeyCode): void {
    this.link.claim(key).catch((error: unknown) => this.#host.warn('claiming a turn failed', error as Error))
  }

  tell(message: string): void {
    this.link
      .tell(message)
      .catch((error: unknown) => this.#host.warn('looking for a deadlock failed', error as Error))
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
    if (this.#isOver || this.silentMs < this.#leaseMs) return
    this.lose(`the server was not heard of for ${Math.round(this.silentMs)} ms and may have freed it`)
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
    this.#cancelPulse?.()
    this.#cancelPulse = null
    this.#open = []
    this.#openPermits = []
  }

  #flush(): void {
    if (this.#isOver || this.#state === 'executing') return
    const batch = this.#open.length <= MAX_BATCH ? this.#open : this.#open.slice(0, MAX_BATCH)
    this.#open = this.#open.length <= MAX_BATCH ? [] : this.#open.slice(MAX_BATCH)
    const permits = this.#openPermits.length === 0 ? NONE : this.#departing()
    if (batch.length === 0 && permits.length === 0) return
    this.#move('executing')
    const sentAt = (this.#lastSent = this.#host.clock.instant())
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
    this.#heardOf = sentAt
    this.#rest()
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
    for (let i = 0; i < batch.length; i++) {
      // Somebody told of a loss may have used it to end this session.
      if (this.#isOver) return
      batch[i]!.answered(answers[i]!, draw, stamp, now, delaysMs === null ? 0 : delaysMs[i]!)
    }
  }

  /** A batch that fails half-way has taken locks all the same: makes the server agree with us before anything else. */
  async #failed({ batch, permits }: Sent, error: unknown): Promise<void> {
    if (this.#isOver) return
    const sentAt = this.#host.clock.instant()
    const explained = this.#host.explain(error)
    const requests = [...batch, ...permits.map(({ request }) => request)]
    this.#host.warn('a batch of lock operations failed', explained)
    let missing: readonly Holding[]
    try {
      missing = await this.link.reconcile(this.#expected())
    } catch (cause) {
      if (this.#isOver) return
      for (const request of requests) request.failed(explained)
      return this.lose('what it held could not be told after a failed batch', cause as Error)
    }
    if (this.#isOver) return
    this.#heardOf = sentAt
    this.#rest()
    const gone = new Set(missing.map((holding) => holding.key.id))
    const unsent = new Set<unknown>(this.#open)
    const losers = this.#host
      .clientsOf(this)
      .filter((client) => client.holding(unsent.has(client)).some(({ key }) => gone.has(key.id)))
    for (const request of requests) request.failed(explained)
    this.#forget(losers, gone, explained)
    this.#flush()
  }

  /** What waits for its turn to be sent has not happened: a lock that is about to be released is still held. */
  #expected(): Holding[] {
    const unsent = new Set<unknown>(this.#open)
    return this.#host.clientsOf(this).flatMap((client) => client.holding(unsent.has(client)))
  }

  /** The server does not have these, though it should: this session is no longer used for them. */
  #forget(losers: readonly Client[], gone: ReadonlySet<string>, why: LockError): void {
    if (gone.size === 0) return
    this.#open = this.#open.filter(({ key }) => !gone.has(key.id))
    for (const client of losers) {
      this.clientRemoved()
      client.lost('the server no longer had it after a failed batch', why)
    }
  }

  #rest(): void {
    this.#move(this.#clientCount === 0 ? 'idle' : 'holding')
  }

  /** Keeps the lease alive with one small statement per session, whatever it holds, and ends it when it can't. */
  #pulse(): void {
    if (this.#isOver) return
    this.verify()
    if (this.#isOver) return
    const { clock, leaseMs } = this.#host
    const beatMs = leaseMs / 3
    // While something is on the wire, its answer is the sign of life.
    if (this.#state !== 'executing' && clock.since(this.#lastSent) >= beatMs) this.#beat()
    const untilBeat = this.#state === 'executing' ? beatMs : beatMs - clock.since(this.#lastSent)
    const delayMs = Math.max(Math.min(untilBeat, this.#leaseMs - this.silentMs), 1)
    this.#cancelPulse = clock.after(delayMs, () => this.#pulse())
  }

  #beat(): void {
    const sentAt = (this.#lastSent = this.#host.clock.instant())
    this.link.heartbeat().then(
      () => {
        // Answers come in the order of the statements, but a batch sent later may have set it already.
        if (sentAt.monotonic > this.#heardOf.monotonic) this.#heardOf = sentAt
      },
      (error: unknown) => this.lose('its heartbeat failed', error as Error),
    )
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

/** How long before the server's own time is up a session gives up: for the clocks' rates and one look at the clock. */
export function leaseMargin(leaseMs: number): number {
  return Math.max(200, leaseMs / 10)
}
