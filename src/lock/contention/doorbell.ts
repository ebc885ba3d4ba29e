import { assertMove } from '../../base/assert.js'
import type { Cancel, Clock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import { inTime } from '../../base/in-time.js'
import type { Dialect, Ears, Listening } from '../../dialect/dialect.js'
import type { ConnectionPool } from '../../pool/connection-pool.js'
import type { Lease } from '../../pool/lease.js'
import { Budget } from '../budget.js'
import type { Agenda } from './agenda.js'

/** How long to go on listening when nobody sleeps any more: contention comes in bursts. */
const LINGER_MS = 5000

/** How long until the next attempt when there was no connection to listen on, or it has ended. */
const TRY_AGAIN_MS = 500

/** How long to wait for the server when listening begins or ends. */
const ANSWER_TIMEOUT_MS = 10_000

/** How often to make sure that the bell can be heard, while anybody sleeps. */
const CHECK_EVERY_MS = 5000

/**
 * Where anybody can ring, more messages in a second than our own processes have to say are somebody's flood. Hearing them
 * costs a processor some ten microseconds each, so for a while none is heard, and sleepers poll.
 */
const STRANGE_PER_SECOND = 4000
const HUSH_MS = 30_000

/**
 * - `off`        nobody sleeps
 * - `opening`    a connection is being had, or LISTEN is under way
 * - `listening`  the bell can be heard
 * - `deaf`       there is no connection for it now; sleepers poll
 */
export type DoorbellState = 'off' | 'opening' | 'listening' | 'deaf'

/** Every legal move. */
export const DOORBELL_MOVES: Readonly<Record<DoorbellState, readonly DoorbellState[]>> = {
  off: ['opening', 'deaf'],
  opening: ['listening', 'deaf'],
  listening: ['off', 'deaf'],
  deaf: ['opening', 'deaf', 'off'],
}

export interface DoorbellHost {
  readonly agenda: Agenda
  rung(keyId: string, sender: string): void
  claimed(keyId: string, sender: string): void
  told(message: string, sender: string): void
  /** From now on the bell is heard. What rang before was not. */
  listening(): void
  warn(message: string, error?: Error): void
}

/**
 * Hears when locks of other processes become free, while anybody here sleeps for one. It needs a connection of its own,
 * without locks; it takes one only if one is free, and gives it back to whoever asks: without it the sleepers poll.
 */
export class Doorbell<C extends object> {
  readonly #pool: ConnectionPool<C>
  readonly #max: number
  readonly #dialect: Dialect<C>
  readonly #clock: Clock
  readonly #host: DoorbellHost
  #state: DoorbellState = 'off'
  #sleepers = 0
  #cancelTimer: Cancel | null = null
  #cancelCheck: Cancel | null = null
  readonly #strangers: Budget
  #cancelHush: Cancel | null = null
  #current: { readonly lease: C & Lease; readonly listening: Listening } | null = null
  #isClosed = false

  constructor(pool: ConnectionPool<C>, max: number, dialect: Dialect<C>, clock: Clock, host: DoorbellHost) {
    this.#pool = pool
    this.#max = max
    this.#dialect = dialect
    this.#clock = clock
    this.#host = host
    this.#strangers = new Budget(clock, STRANGE_PER_SECOND)
  }

  get state(): DoorbellState {
    return this.#state
  }

  /** One more sleeps. */
  asleep(): void {
    this.#sleepers++
    if (this.#sleepers > 1) return
    this.#stopTimer()
    this.#listen()
  }

  /** One less. */
  awake(): void {
    this.#sleepers--
    if (this.#sleepers > 0) return
    this.#stopTimer()
    if (this.#state === 'deaf') this.#move('off')
    if (this.#state === 'listening')
      this.#cancelTimer = this.#clock.after(LINGER_MS, () => void this.#hangUp('off'))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#stopTimer()
    await this.#hangUp('off')
  }

  #listen(): void {
    if (this.#isClosed || this.#state === 'opening' || this.#state === 'listening') return
    // With one connection for everything, sessions need it more.
    const isRoom = this.#max > 1 && (this.#pool.idleCount > 0 || this.#pool.totalCount < this.#max)
    if (!isRoom || this.#pool.isClosed) return this.#tryAgain()
    this.#move('opening')
    // The pool of connections has listeners of its own.
    this.#host.agenda.tell(() => {
      this.#open().catch((error: unknown) => {
        if (this.#isClosed) return
        this.#host.warn('listening failed; waiting callers poll', error as Error)
        this.#tryAgain()
      })
    })
  }

  async #open(): Promise<void> {
    let lent: (C & Lease) | null = null // It may be asked back before we have it here.
    const lease = (lent = await this.#pool.connect({ reserved: true, onWanted: () => this.#give(lent) }))
    let end: Error | undefined
    const ears: Ears = {
      rung: (keyId, sender) => this.#host.rung(keyId, sender),
      claimed: (keyId, sender) => this.#host.claimed(keyId, sender),
      told: (message, sender) => this.#host.told(message, sender),
      strange: () => void (this.#strangers.spend() || this.#hush()),
      ended: (cause) => {
        end = cause
        if (this.#current?.lease === lease) this.#ended()
      },
    }
    try {
      const listening = await this.#answered(this.#dialect.listen(lease, ears))
      // It may have ended while its answer was on the way to us.
      if (end !== undefined) throw end
      this.#current = { lease, listening }
    } catch (error) {
      lease.release(error as Error)
      throw error
    }
    this.#move('listening')
    if (this.#isClosed) return this.#hangUp('off')
    this.#checkLater()
    if (this.#sleepers === 0) this.#cancelTimer = this.#clock.after(LINGER_MS, () => void this.#hangUp('off'))
    else this.#host.listening()
  }

  #hush(): void {
    if (this.#current === null || this.#cancelHush !== null) return
    this.#host.warn('the notification channel is flooded: waiting callers poll for a while')
    this.#cancelHush = this.#clock.after(HUSH_MS, () => {
      this.#cancelHush = null
      void this.#hear(true)
    })
    void this.#hear(false)
  }

  async #hear(strangers: boolean): Promise<void> {
    const current = this.#current!
    try {
      await this.#answered(current.listening.hear(strangers))
      // What rang meanwhile was not heard.
      if (strangers && this.#current === current) this.#host.listening()
    } catch (error) {
      this.#fail(current, error)
    }
  }

  #checkLater(): void {
    this.#cancelCheck = this.#clock.after(CHECK_EVERY_MS, () => void this.#check())
  }

  /** Without an answer the bell may be ringing unheard: sleepers poll until there is another connection to listen on. */
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

  /** Somebody waits for a connection in vain. */
  #give(lease: (C & Lease) | null): boolean {
    if (this.#current?.lease !== lease) return false
    void this.#hangUp('deaf')
    if (this.#sleepers > 0) this.#tryAgain()
    return true
  }

  #ended(): void {
    const current = this.#current
    if (current === null) return
    this.#forget()
    current.lease.release(true)
    this.#move('off')
    this.#stopTimer()
    if (this.#sleepers > 0) this.#tryAgain()
  }

  #forget(): void {
    this.#current = null
    this.#cancelCheck?.()
    this.#cancelHush?.()
    this.#cancelCheck = this.#cancelHush = null
  }

  async #hangUp(next: 'off' | 'deaf'): Promise<void> {
    const current = this.#current
    if (current === null) return
    this.#forget()
    this.#move(next)
    try {
      await this.#answered(current.listening.stop())
      current.lease.release()
    } catch (error) {
      current.lease.release(error as Error)
    }
  }

  /** Whoever waits for the connection would wait for ever, if the server is silent. */
  #answered<T>(answer: Promise<T>): Promise<T> {
    const late = (): Error => new ConnectionError(`the server did not answer within ${ANSWER_TIMEOUT_MS} ms`)
    return inTime(this.#clock, ANSWER_TIMEOUT_MS, answer, late)
  }

  #tryAgain(): void {
    if (this.#isClosed) return
    this.#move('deaf')
    this.#stopTimer()
    this.#cancelTimer = this.#clock.after(TRY_AGAIN_MS, () => {
      this.#cancelTimer = null
      if (this.#sleepers > 0) this.#listen()
    })
  }

  /** The only writer of the state. */
  #move(to: DoorbellState): void {
    assertMove(DOORBELL_MOVES, this.#state, to, 'doorbell')
    this.#state = to
  }

  #stopTimer(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }
}
