import { assert, assertMove } from '../../base/assert.js'
import type { Clock, Instant } from '../../base/clock.js'
import type { LockError } from '../../base/errors.js'
import { isOutage } from '../../base/is-outage.js'
import type { LinkSettings, LockLink } from '../../dialect/dialect.js'
import type { BatchReply } from '../../dialect/lock-operation.js'
import type { PermitReply } from '../../dialect/permit-operation.js'
import type { Agenda } from '../agenda/agenda.js'
import {
  OutgoingBatch,
  type Answered,
  type Client,
  type KeyRequest,
  type PermitRequest,
  type Request,
} from './outgoing-batch.js'
import { drawn } from '../handle/drawn-token.js'
import { NO_LONGER_HELD, recover } from './failed-batch.js'
import { SessionChores, type ChoresHost } from './session-chores.js'
import { SessionLease, type LeaseHost } from './session-lease.js'
import { SessionSignals, type SignalsHost } from './session-signals.js'

/**
 * - `idle`       holds nothing, has nothing on the wire: may be checked in
 * - `executing`  one batch of operations is on the wire
 * - `queued`     waits in the server's queue, for a fraction of a second, for its only key
 * - `holding`    is in use for at least one key, and has nothing on the wire
 * - `closing`    being checked in; nothing more is sent
 * - `closed`     gone, and every lock with it
 */
export type SessionState = 'idle' | 'executing' | 'queued' | 'holding' | 'closing' | 'closed'

/**
 * Every legal move. A session waits inside the server for one key only, and only while it has no other: so a release
 * cannot queue behind the wait of another caller.
 */
export const SESSION_MOVES: Readonly<Record<SessionState, readonly SessionState[]>> = {
  idle: ['executing', 'queued', 'closing', 'closed'],
  executing: ['idle', 'holding', 'closed'],
  queued: ['idle', 'holding', 'closed'],
  holding: ['executing', 'queued', 'idle', 'closed'],
  closing: ['closed'],
  closed: [],
}

export interface SessionHost {
  readonly agenda: Agenda
  readonly clock: Clock
  /** Whether locks should have tokens, and wait for the lock-delay. */
  readonly wants: Pick<LinkSettings, 'fencing' | 'strict'>
  /** The last arrival of a caller, to tell which callers came before a batch left. */
  readonly arrivals: number
  /** The users of `session`. Only asked when something has gone wrong. */
  clientsOf(session: Session): readonly Client[]
  explain(error: unknown): LockError
  moved(session: Session, from: SessionState): void
  /** The session is gone, with this many locks or none. Its connection must be closed. */
  lost(session: Session, reason: string, locks: number, cause?: Error): void
  warn(message: string, error?: Error): void
  /** Tokens have become unavailable, with the reason, or available again. */
  tokensChanged(noFencing: string | null): void
}

const NOW = Promise.resolve()

const NO_REPLIES: readonly PermitReply[] = []

/**
 * One connection, and the many keys on it. Operations gather while a batch is on the wire, and leave together when its
 * answer arrives: a single caller pays one round trip, a thousand callers share it, and there is no timer.
 */
export class Session implements LeaseHost, ChoresHost, SignalsHost {
  readonly id: number
  readonly link: LockLink
  /** Its messages to other processes, and its questions about them. */
  readonly signals: SessionSignals = new SessionSignals(this)
  /**
   * Until this time on the clock other keys should go to another session: this one has just waited in the server's queue.
   */
  asideUntil = 0
  readonly #host: SessionHost
  readonly #lease: SessionLease
  readonly #chores: SessionChores
  #noFencing: string | null
  #state: SessionState = 'idle'
  #clientCount = 0
  #open: Request[] = []
  #isFlushPlanned = false
  #tripMs = 0

  /** `renewedAt` is a moment before the departure of a statement that the server has answered with the lease in force. */
  constructor(id: number, link: LockLink, renewedAt: Instant, host: SessionHost) {
    this.id = id
    this.link = link
    this.#host = host
    this.#lease = new SessionLease(link.leaseMs, renewedAt, this)
    this.#chores = new SessionChores(this)
    this.#noFencing = link.noFencing
  }

  /** Starts the heartbeats. The lease may be over already, so the caller must know the session before it calls this. */
  start(): void {
    if (!this.isOver) this.#lease.start()
    if (!this.isOver) this.#chores.start()
  }

  get clock(): Clock {
    return this.#host.clock
  }

  get agenda(): Agenda {
    return this.#host.agenda
  }

  /** Whether a statement is on the wire whose answer renews the lease. */
  get isExecuting(): boolean {
    return this.isUnderWay && !this.#isRenewedByBeats
  }

  /** Whether a batch is on the wire. */
  get isUnderWay(): boolean {
    return this.#state === 'executing' || this.#state === 'queued'
  }

  get state(): SessionState {
    return this.#state
  }

  /** Milliseconds since the departure of the last statement that was answered. */
  get silentMs(): number {
    return this.#lease.silentMs
  }

  get answeredAt(): number {
    return this.#lease.answeredAt
  }

  /** The number of its users. */
  get clientCount(): number {
    return this.#clientCount
  }

  /** Whether it has no users and no batch: then it can be checked in. */
  get isUnused(): boolean {
    return this.#state === 'idle' && this.#clientCount === 0
  }

  clientAdded(): void {
    this.#clientCount++
  }

  clientRemoved(): void {
    this.#clientCount--
    if (this.#clientCount === 0 && this.#state === 'holding') this.#move('idle')
  }

  /** The request leaves with the next batch, and chooses its operation then. */
  submit(request: Request): void {
    this.#open.push(request)
    this.#planFlush()
  }

  #planFlush(): void {
    if (this.#isFlushPlanned || this.isUnderWay) return
    this.#isFlushPlanned = true
    // Not queueMicrotask, which creates an async resource each time.
    void NOW.then(this.#plannedFlush)
  }

  readonly #plannedFlush = (): void => {
    this.#isFlushPlanned = false
    const { agenda } = this.#host
    const isOutermost = agenda.begin()
    try {
      this.#flush()
    } finally {
      if (isOutermost) agenda.end()
    }
  }

  /** Declares everything lost if the lease is over. Checked at every use, because timers are late after a pause. */
  verify(): void {
    if (!this.isOver) this.#lease.verify()
  }

  /** All locks of this session are lost now. */
  lose(reason: string, cause?: Error): void {
    if (this.isOver) return
    this.#host.agenda.run(() => {
      this.#move('closed')
      this.#end()
      const clients = this.#host.clientsOf(this)
      this.#host.lost(this, reason, clients.length, cause)
      for (const client of clients) client.lost(reason, cause)
    })
  }

  /** Checks in the connection, without locks. */
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

  /** Whether nothing more is sent. */
  get isOver(): boolean {
    return this.#state === 'closing' || this.#state === 'closed'
  }

  #end(): void {
    this.#lease.stop()
    this.#chores.stop()
    this.#open = []
  }

  #flush(): void {
    if (this.isOver || this.isUnderWay) return
    const outgoing = this.#addOperation()
    // Assembling the batch may have found the lease over.
    if (this.isOver) return
    if (outgoing.isEmpty) return this.#flushRest()
    this.#move(outgoing.waitMs > 0 ? 'queued' : 'executing')
    this.#send(outgoing)
  }

  #addOperation(): OutgoingBatch {
    const outgoing = new OutgoingBatch(this)
    const open = this.#open
    this.#open = []
    let joined = 0
    while (joined < open.length && !outgoing.isFull) open[joined++]!.joinBatch(outgoing)
    if (joined < open.length) this.#open = [...open.slice(joined), ...this.#open]
    return outgoing
  }

  #flushRest(): void {
    if (this.#open.length > 0) this.#planFlush()
  }

  #send(outgoing: OutgoingBatch): void {
    const { keys, permits, notifications, waitMs } = outgoing
    const sentAt = this.#isRenewedByBeats ? this.clock.instant() : this.#lease.sent()
    const stamp = this.#host.arrivals
    const failed = (error: unknown): void => void this.#failed(outgoing, error)
    if (permits.length === 0) {
      this.#run(keys, waitMs).then(
        (reply) => this.#answered(outgoing, reply, NO_REPLIES, sentAt, stamp),
        failed,
      )
    } else {
      this.#sendAll(outgoing).then(
        ([reply, replies]) => this.#answered(outgoing, reply, replies, sentAt, stamp),
        failed,
      )
    }
    if (notifications.length > 0) this.signals.notifyNow(notifications)
  }

  #run(keys: readonly KeyRequest[], waitMs: number): Promise<BatchReply> {
    return waitMs > 0 ? this.link.enqueue(keys[0]!, waitMs) : this.link.run(keys)
  }

  /**
   * Sends everything at once, each in a separate statement. It fails only when all have ended: a request that goes on
   * after a failure would take permits that `recover` does not know of.
   */
  async #sendAll({ keys, permits }: OutgoingBatch): Promise<[BatchReply | null, PermitReply[]]> {
    const reply = keys.length === 0 ? null : this.link.run(keys)
    const replies = permits.map(({ operation }) => this.link.permits(operation))
    await Promise.allSettled([reply, ...replies])
    return Promise.all([reply, Promise.all(replies)])
  }

  #answered(
    { keys, permits }: OutgoingBatch,
    reply: BatchReply | null,
    replies: readonly PermitReply[],
    sentAt: Instant,
    stamp: number,
  ): void {
    if (this.isOver) return
    const { agenda } = this.#host
    const isOutermost = agenda.begin()
    try {
      if (!this.#hasHeard(sentAt)) return
      if (this.#state === 'executing') this.#tripMs = this.clock.since(sentAt)
      this.#rest()
      if (this.link.noFencing !== this.#noFencing) this.tokensChanged()
      // One look at the clock is enough for a thousand grants.
      const batch = { now: this.clock.now(), stamp, tripMs: this.#tripMs }
      if (reply !== null) this.#answerAll(keys, reply, batch)
      for (const [i, { request }] of permits.entries()) request.replied(replies[i]!, batch)
      this.#flushRest()
    } finally {
      if (isOutermost) agenda.end()
    }
  }

  #answerAll(
    keys: readonly KeyRequest[],
    { answers, token, tokens, delaysMs }: BatchReply,
    batch: Answered,
  ): void {
    assert(answers.length === keys.length, 'an answer for each operation')
    const draw = drawn(token)
    const leastMs = this.#isSettling ? Math.max(this.#chores.settledAt - batch.now, 0) : 0
    for (let i = 0; i < keys.length; i++) {
      const delayMs = delaysMs === null ? leastMs : Math.max(delaysMs[i]!, leastMs)
      const own = tokens === undefined ? draw : drawn(tokens[i] ?? null)
      keys[i]!.answered(answers[i]!, own, delayMs, batch)
    }
  }

  get #isRenewedByBeats(): boolean {
    return this.link.renewedBy === 'heartbeat'
  }

  /**
   * Handles the answer to the statement that was sent at `sentAt`. False if the lease is over all the same: with some
   * backends only heartbeats renew it.
   */
  #hasHeard(sentAt: Instant): boolean {
    if (this.#isRenewedByBeats) this.verify()
    else this.#lease.answered(sentAt)
    return !this.isOver
  }

  /** Whether locks must wait: in strict mode, on a server that may lack the hold records of other processes. */
  get #isSettling(): boolean {
    return this.#chores.settledAt > 0 && this.#host.wants.strict
  }

  async #failed({ keys, permits, waitMs }: OutgoingBatch, error: unknown): Promise<void> {
    if (this.isOver) return
    const sentAt = this.clock.instant()
    const explained = this.#host.explain(error)
    const requests = [...keys, ...permits.map(({ request }) => request)]
    const goesWithout = this.link.goesWithoutTokens(error)
    // Only the wait in the queue may have failed: the server has no PL/pgSQL, or an administrator has canceled the wait.
    const mayAsk = goesWithout || waitMs > 0
    if (goesWithout) this.tokensChanged()
    else this.#host.warn('a batch of lock operations failed', explained)
    let losers: readonly Client[]
    try {
      losers = await recover(this.link, () => this.#host.clientsOf(this))
    } catch (cause) {
      return this.#lostByFailure(requests, explained, cause as Error)
    }
    if (this.isOver) return
    this.#host.agenda.run(() => {
      if (!this.#hasHeard(sentAt)) return
      this.#rest()
      for (const request of requests) request.failed(explained, mayAsk)
      for (const client of losers) this.#dropClient(client, explained)
      this.#flushRest()
    })
  }

  #lostByFailure(requests: readonly (KeyRequest | PermitRequest)[], error: LockError, cause: Error): void {
    if (this.isOver) return
    // The same as when the connection ends first: the driver decides which of the two is reported first.
    const mayAsk = isOutage(error)
    this.#host.agenda.run(() => {
      for (const request of requests) request.failed(error, mayAsk, false)
      this.lose('its locks are unknown after a failed batch', cause)
    })
  }

  /** The server does not have the lock that this user should have: the session is no longer used for it. */
  #dropClient(client: Client, why: LockError): void {
    this.clientRemoved()
    client.lost(NO_LONGER_HELD, why)
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
      () => this.#lease.answered(sentAt),
      (error: unknown) => this.lose('its heartbeat failed', error as Error),
    )
  }

  leaseOver(silentMs: number): void {
    this.lose(`the server was not heard of for ${Math.round(silentMs)} ms and may have freed it`)
  }

  toString(): string {
    return `session ${this.id}`
  }

  /** Only this method writes the state. */
  #move(to: SessionState): void {
    const from = this.#state
    assertMove(SESSION_MOVES, from, to, this)
    this.#state = to
    this.#host.moved(this, from)
  }
}
