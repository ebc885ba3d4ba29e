import { assertMove } from '../../base/assert.js'
import type { Cancel, Clock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import { inTime } from '../../base/in-time.js'
import type { Dialect, NotificationHandlers, ListeningConnection } from '../../dialect/dialect.js'
import type { ConnectionPool } from '../../pool/connection-pool.js'
import type { Lease } from '../../pool/lease.js'
import { RateLimit } from '../rate-limit.js'
import type { Agenda } from '../agenda/agenda.js'

/** How long to keep listening when no caller waits any more: contention comes in bursts. */
const LINGER_MS = 5000

/** How long until the next attempt when no connection was available, or it has ended. */
const TRY_AGAIN_MS = 500

/** How long to wait for the server when listening begins or ends. */
const ANSWER_TIMEOUT_MS = 10_000

/** How often to check that notifications arrive while callers are waiting. */
const CHECK_EVERY_MS = 5000

/**
 * On a channel that any role can use, more messages in a second than our own processes can send are a flood. Each costs a
 * processor about ten microseconds. So the process stops listening for a while, and waiters poll.
 */
const STRANGE_PER_SECOND = 4000
const IGNORE_PUBLIC_MS = 30_000

/**
 * - `off`        no caller waits
 * - `opening`    the pool is opening a connection, or LISTEN is under way
 * - `listening`  notifications arrive
 * - `polling`       no connection is available now; waiters poll
 */
export type NotificationListenerState = 'off' | 'opening' | 'listening' | 'polling'

/** Every legal move. */
export const LISTENER_MOVES: Readonly<
  Record<NotificationListenerState, readonly NotificationListenerState[]>
> = {
  off: ['opening', 'polling'],
  opening: ['listening', 'polling'],
  listening: ['off', 'polling'],
  polling: ['opening', 'polling', 'off'],
}

export interface NotificationListenerHost {
  readonly agenda: Agenda
  woken(keyId: string, sender: string): void
  ticketReceived(keyId: string, sender: string): void
  messageReceived(message: string, sender: string): void
  /** From now on notifications arrive. Earlier ones were missed. */
  listening(): void
  warn(message: string, error?: Error): void
}

/**
 * Receives a notification when another process releases a lock, while callers here wait for one. The listener needs a
 * connection without locks. It takes one only if one is free, and releases it when a borrower or a session needs it:
 * without it, waiters poll.
 */
export class NotificationListener<C extends object> {
  readonly #pool: ConnectionPool<C>
  readonly #max: number
  readonly #dialect: Dialect<C>
  readonly #clock: Clock
  readonly #host: NotificationListenerHost
  #state: NotificationListenerState = 'off'
  #waiters = 0
  #cancelTimer: Cancel | null = null
  #cancelCheck: Cancel | null = null
  readonly #strangers: RateLimit
  #cancelIgnore: Cancel | null = null
  #current: { readonly connection: C & Lease; readonly listening: ListeningConnection } | null = null
  #isClosed = false
  #reported: string | null = null

  constructor(
    pool: ConnectionPool<C>,
    max: number,
    dialect: Dialect<C>,
    clock: Clock,
    host: NotificationListenerHost,
  ) {
    this.#pool = pool
    this.#max = max
    this.#dialect = dialect
    this.#clock = clock
    this.#host = host
    this.#strangers = new RateLimit(clock, STRANGE_PER_SECOND)
  }

  get state(): NotificationListenerState {
    return this.#state
  }

  /** One more entry waits. */
  addWaiter(): void {
    this.#waiters++
    if (this.#waiters > 1) return
    this.#stopTimer()
    this.#listen()
  }

  /** One entry less. */
  removeWaiter(): void {
    this.#waiters--
    if (this.#waiters > 0) return
    this.#stopTimer()
    if (this.#state === 'polling') this.#move('off')
    if (this.#state === 'listening')
      this.#cancelTimer = this.#clock.after(LINGER_MS, () => void this.#stopListening('off'))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#stopTimer()
    await this.#stopListening('off')
  }

  #listen(): void {
    if (this.#isClosed || this.#state === 'opening' || this.#state === 'listening') return
    // If this is the only connection, sessions need it more.
    const isRoom = this.#max > 1 && (this.#pool.idleCount > 0 || this.#pool.totalCount < this.#max)
    if (!isRoom || this.#pool.isClosed) return this.#tryAgain()
    this.#move('opening')
    // Deferred, because a checkout may call listeners of the connection pool.
    this.#host.agenda.defer(() => {
      this.#open().catch((error: unknown) => {
        if (this.#isClosed) return
        this.#host.warn('listening failed; waiting callers poll', error as Error)
        this.#tryAgain()
      })
    })
  }

  async #open(): Promise<void> {
    let opened: (C & Lease) | null = null // The pool may ask for it before it arrives here.
    const connection = (opened = await this.#pool.connect({
      reserved: true,
      onWanted: () => this.#give(opened),
    }))
    let end: Error | undefined
    const handlers: NotificationHandlers = {
      onWakeUp: (keyId, sender) => this.#host.woken(keyId, sender),
      onTicket: (keyId, sender) => this.#host.ticketReceived(keyId, sender),
      onMessage: (message, sender) => this.#host.messageReceived(message, sender),
      onProblem: (message) => this.#report(message),
      onPublicMessage: () => void (this.#strangers.spend() || this.#ignorePublic()),
      onEnd: (cause) => {
        end = cause
        if (this.#current?.connection === connection) this.#ended()
      },
    }
    try {
      const listening = await this.#answered(this.#dialect.listen(connection, handlers))
      // The connection may have ended while the answer was on its way.
      if (end !== undefined) throw end
      this.#current = { connection, listening }
    } catch (error) {
      connection.release(error as Error)
      throw error
    }
    this.#move('listening')
    if (this.#isClosed) return this.#stopListening('off')
    this.#checkLater()
    if (this.#waiters === 0)
      this.#cancelTimer = this.#clock.after(LINGER_MS, () => void this.#stopListening('off'))
    else this.#host.listening()
  }

  /** Lasting problems are reported once, not each time a caller waits. */
  #report(problem: string): void {
    if (this.#reported === problem) return
    this.#reported = problem
    this.#host.warn(problem)
  }

  #ignorePublic(): void {
    if (this.#current === null || this.#cancelIgnore !== null) return
    this.#host.warn('the notification channel is flooded: waiting callers poll for a while')
    this.#cancelIgnore = this.#clock.after(IGNORE_PUBLIC_MS, () => {
      this.#cancelIgnore = null
      void this.#receivePublic(true)
    })
    void this.#receivePublic(false)
  }

  async #receivePublic(strangers: boolean): Promise<void> {
    const current = this.#current!
    try {
      await this.#answered(current.listening.receivePublic(strangers))
      // Notifications sent meanwhile were missed.
      if (strangers && this.#current === current) this.#host.listening()
    } catch (error) {
      this.#fail(current, error)
    }
  }

  #checkLater(): void {
    this.#cancelCheck = this.#clock.after(CHECK_EVERY_MS, () => void this.#check())
  }

  /** Without an answer, notifications may be lost: waiters poll until another connection listens. */
  async #check(): Promise<void> {
    const current = this.#current!
    try {
      await this.#answered(current.listening.check())
      if (this.#current === current) this.#checkLater()
    } catch (error) {
      this.#fail(current, error)
    }
  }

  #fail(current: object, error: unknown): void {
    if (this.#current !== current) return
    this.#host.warn('wake-up notifications do not arrive; waiting callers poll', error as Error)
    this.#ended()
  }

  /** Gives the listener's connection to a caller that waits for one. */
  #give(connection: (C & Lease) | null): boolean {
    if (this.#current?.connection !== connection) return false
    void this.#stopListening('polling')
    if (this.#waiters > 0) this.#tryAgain()
    return true
  }

  #ended(): void {
    const current = this.#current
    if (current === null) return
    this.#drop()
    current.connection.release(true)
    this.#move('off')
    this.#stopTimer()
    if (this.#waiters > 0) this.#tryAgain()
  }

  #drop(): void {
    this.#current = null
    this.#cancelCheck?.()
    this.#cancelIgnore?.()
    this.#cancelCheck = this.#cancelIgnore = null
  }

  async #stopListening(next: 'off' | 'polling'): Promise<void> {
    const current = this.#current
    if (current === null) return
    this.#drop()
    this.#move(next)
    try {
      await this.#answered(current.listening.stop())
      current.connection.release()
    } catch (error) {
      current.connection.release(error as Error)
    }
  }

  /** If the server is silent, a caller that needs the connection would wait forever. */
  #answered<T>(answer: Promise<T>): Promise<T> {
    const late = (): Error => new ConnectionError(`the server did not answer within ${ANSWER_TIMEOUT_MS} ms`)
    return inTime(this.#clock, ANSWER_TIMEOUT_MS, answer, late)
  }

  #tryAgain(): void {
    if (this.#isClosed) return
    this.#move('polling')
    this.#stopTimer()
    this.#cancelTimer = this.#clock.after(TRY_AGAIN_MS, () => {
      this.#cancelTimer = null
      if (this.#waiters > 0) this.#listen()
    })
  }

  /** Only this method writes the state. */
  #move(to: NotificationListenerState): void {
    assertMove(LISTENER_MOVES, this.#state, to, 'listener')
    this.#state = to
  }

  #stopTimer(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }
}
