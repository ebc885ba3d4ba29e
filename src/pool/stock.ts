import type { Clock } from '../base/clock.js'
import { Deferred } from '../base/deferred.js'
import type { Emitter } from '../base/emitter.js'
import type { LockError } from '../base/errors.js'
import { originInWords, type Origin } from '../base/overdue.js'
import type { Random } from '../base/random.js'
import type { ConnectionFactory } from './connection-factory.js'
import { Opener } from './opener.js'
import type { CloseReason, PoolEvents } from './pool-events.js'
import type { PoolOptions } from './pool-options.js'
import { Slot, type OnWanted, type SlotState } from './slot.js'
import { planUpkeep, UpkeepTimer } from './upkeep.js'

export interface StockHost<C> {
  /** Something became idle, or a place became free: callers may be served. */
  changed(): void
  /** An attempt to open failed. `isLast` means that no other is under way. */
  openFailed(error: LockError, isLast: boolean): void
  /** A connection has ended by itself. */
  ended(connection: C, error: Error): void
  /** A connection is gone, however it ended. */
  gone(connection: C): void
}

/** The connections of a pool, whoever uses them: how many, in which state, and how each begins and ends. */
export class Stock<C extends object> {
  readonly #factory: ConnectionFactory<C>
  readonly #options: Required<PoolOptions>
  readonly #clock: Clock
  readonly #random: Random
  readonly #events: Emitter<PoolEvents>
  readonly #host: StockHost<C>
  readonly #opener: Opener<C>
  readonly #upkeep: UpkeepTimer
  readonly #slots = new Set<Slot<C>>()
  /** The most recently used last: that one is handed out first, so that those not needed can idle away. */
  readonly #idle: Slot<C>[] = []
  /** Slots in the states that are neither idle nor leased: those two are on the way of every lease, and can be derived. */
  readonly #between: Record<Passing, number> = { checking: 0, cleaning: 0, closing: 0 }
  #leased = 0
  #ordinaryLeased = 0
  /** How many of the leased can be asked back. */
  #askable = 0
  #closed = 0
  #nextId = 1
  #opened = 0
  #failed = 0
  #ending: Deferred<void> | null = null

  constructor(
    factory: ConnectionFactory<C>,
    options: Required<PoolOptions>,
    ports: { readonly clock: Clock; readonly random: Random },
    events: Emitter<PoolEvents>,
    host: StockHost<C>,
  ) {
    this.#factory = factory
    this.#options = options
    this.#clock = ports.clock
    this.#random = ports.random
    this.#events = events
    this.#host = host
    this.#upkeep = new UpkeepTimer(ports.clock, () => this.#maintain())
    this.#opener = new Opener(factory, options.connectTimeoutMs, ports.clock, ports.random, {
      opened: (connection, tookMs) => this.#add(connection, tookMs),
      failed: (error, others) => this.#openFailed(error, others),
      due: () => this.#host.changed(),
    })
  }

  /** All places taken, also by what is still opening or not yet gone. */
  get total(): number {
    return this.#slots.size + this.#opener.opening
  }

  /** Connections that are, or will soon be, of use to somebody. */
  get live(): number {
    return this.#slots.size - this.#between.closing
  }

  /** Connections that will become idle, or are, without a borrower's doing. */
  get coming(): number {
    const { checking, cleaning } = this.#between
    return this.#idle.length + checking + cleaning + this.#opener.opening
  }

  get checking(): number {
    return this.#between.checking
  }

  get idle(): number {
    return this.#idle.length
  }

  get leased(): number {
    return this.#leased
  }

  /** Of those, the ones that do not draw on the reserved places. */
  get ordinaryLeased(): number {
    return this.#ordinaryLeased
  }

  /** Of those that are out, the ones whose lifetime is over. */
  get old(): number {
    let count = 0
    for (const slot of this.#slots) if (slot.isOld) count++
    return count
  }

  get lastError(): LockError | null {
    return this.#opener.lastError
  }

  /** Whether nothing is left, and the server has just been found to be down. */
  get isDown(): boolean {
    return this.live === 0 && this.#opener.isDown
  }

  counts(): { opening: number; closing: number; opened: number; failed: number; closed: number } {
    return {
      opening: this.#opener.opening,
      closing: this.#between.closing,
      opened: this.#opened,
      failed: this.#failed,
      closed: this.#closed,
    }
  }

  /** The one to hand out next, still in its place. It may need a check first. */
  peek(): Slot<C> | undefined {
    return this.#idle.at(-1)
  }

  needsCheck(slot: Slot<C>): boolean {
    if (this.#factory.check === undefined || slot.idleSince === Infinity) return false
    return this.#clock.now() - slot.idleSince > this.#options.checkAfterIdleMs
  }

  /** Takes what `peek` showed. */
  lend(isReserved: boolean, onWanted: OnWanted | null): Slot<C> {
    const slot = this.#idle.pop()!
    slot.move('leased')
    slot.isReserved = isReserved
    slot.onWanted = onWanted
    this.#leased++
    if (!isReserved) this.#ordinaryLeased++
    if (onWanted !== null) this.#askable++
    return slot
  }

  /** Checks what `peek` showed; it comes back as idle, or not at all. */
  checkNext(): void {
    const slot = this.#idle.pop()!
    slot.move('checking')
    this.#settle(slot, 'checking', this.#factory.check!(slot.connection!), 'failed its check')
  }

  /** `origin` is where it was borrowed, if that is known. */
  takeBack(slot: Slot<C>, destroy: boolean | Error, origin: Origin | null): void {
    // It may have ended while it was out.
    if (slot.state !== 'leased') return
    if (destroy !== false) {
      return this.#close(slot, 'released as broken', destroy === true ? undefined : destroy)
    }
    const cleaning = this.#factory.clean?.(slot.connection!) ?? null
    if (cleaning === null) return this.#toIdle(slot)
    slot.move('cleaning')
    const tell = (found: readonly string[]): void => {
      if (found.length === 0 || !this.#events.hears('connection:cleaned')) return
      this.#events.emit('connection:cleaned', { id: slot.id, found, where: origin && originInWords(origin) })
    }
    this.#settle(slot, 'cleaning', cleaning.then(tell), 'could not be cleaned', origin)
  }

  /** Asks borrowers who said they can be asked, until one promises to give back a connection that `helps`. */
  askBack(helps: (slot: Slot<C>) => boolean): void {
    if (this.#askable === 0) return
    for (const slot of this.#slots) {
      if (slot.state === 'leased' && helps(slot) && slot.onWanted?.()) return
    }
  }

  /** Opens for so many callers, or as many as `min` lacks, within `max`. */
  open(forCallers: number): void {
    const { checking, cleaning } = this.#between
    const forMin = this.#options.min - this.#slots.size
    const free = this.#options.max - this.#slots.size
    this.#opener.open(Math.min(Math.max(forCallers - checking - cleaning, forMin), free))
  }

  probeLater(): void {
    this.#opener.probeLater()
  }

  /** Closes what is idle, and the rest as it comes back. Resolves when nothing is left. */
  end(): Promise<void> {
    if (this.#ending !== null) return this.#ending.promise
    this.#ending = new Deferred()
    this.#upkeep.stop()
    this.#opener.close()
    for (const slot of this.#idle.splice(0)) this.#close(slot, 'pool closed')
    if (this.#slots.size === 0) this.#ending.resolve()
    return this.#ending.promise
  }

  /** Closes also what is still borrowed. */
  cutOff(): void {
    for (const slot of [...this.#slots]) {
      if (slot.state !== 'closing') this.#close(slot, 'pool closed', undefined, undefined, 0)
    }
  }

  #add(connection: C, tookMs: number): void {
    const slot = new Slot<C>(this.#nextId++, (moved, from) => this.#moved(moved, from))
    slot.connection = connection
    const lifetime = this.#options.maxLifetimeMs * (1 - LIFETIME_JITTER * this.#random.next())
    slot.expiresAt = this.#clock.now() + lifetime
    this.#slots.add(slot)
    this.#opened++
    this.#events.emit('connection:opened', { id: slot.id, tookMs })
    this.#factory.onEnd?.(connection, (cause) => this.#ended(slot, cause))
    this.#upkeep.within(lifetime)
    // A server that is shutting down may have ended it before we learned that it was open.
    if (slot.state === 'opening') this.#toIdle(slot)
    this.#host.changed()
  }

  #openFailed(error: LockError, others: number): void {
    this.#failed++
    if (this.#ending !== null) return
    this.#events.emit('connection:failed', { error })
    this.#host.openFailed(error, others === 0)
    if (this.#options.min > 0) this.#opener.probeLater()
  }

  /** Where somebody waits for it, it has not idled: then nobody need look at the clock, which would cost a fifth of all. */
  #toIdle(slot: Slot<C>): void {
    if (this.#ending !== null) return this.#close(slot, 'pool closed')
    if (slot.isOld) return this.#close(slot, 'old')
    slot.move('idle')
    slot.idleSince = Infinity
    this.#idle.push(slot)
    this.#host.changed()
    if (slot.state !== 'idle') return
    slot.idleSince = this.#clock.now()
    this.#upkeep.within(this.#options.idleTimeoutMs, slot.idleSince)
  }

  /** Back to idle when `work` is done in time; closed if it is not, or fails. */
  #settle(
    slot: Slot<C>,
    during: SlotState,
    work: Promise<unknown>,
    otherwise: CloseReason,
    origin?: Origin | null,
  ): void {
    const fail = (error?: Error): void => {
      cancel()
      if (slot.state === during) this.#close(slot, otherwise, error, origin)
    }
    const cancel = this.#clock.after(this.#options.closeTimeoutMs, () => fail())
    work.then(() => {
      cancel()
      if (slot.state === during) this.#toIdle(slot)
    }, fail)
  }

  /** Its place is free again when the server has let go of it, or has had its time to. */
  #close(
    slot: Slot<C>,
    reason: CloseReason,
    error?: Error,
    origin?: Origin | null,
    timeoutMs: number = this.#options.closeTimeoutMs,
  ): void {
    slot.move('closing')
    this.#tellClosed(slot, reason, error, origin)
    const connection = slot.connection!
    const destroy = (): void => {
      if (slot.state === 'closed') return
      this.#factory.destroy?.(connection)
      gone()
    }
    const gone = (): void => {
      cancel()
      if (slot.state !== 'closed') this.#forget(slot)
    }
    const cancel = this.#clock.after(timeoutMs, destroy)
    this.#factory.close(connection).then(gone, destroy)
  }

  /** The connection ended under us, whoever had it. */
  #ended(slot: Slot<C>, cause: Error): void {
    if (slot.state === 'closing' || slot.state === 'closed') return
    this.#opener.suspect()
    if (slot.state === 'idle') this.#idle.splice(this.#idle.indexOf(slot), 1)
    this.#tellClosed(slot, 'ended by itself', cause)
    this.#host.ended(slot.connection!, cause)
    this.#forget(slot)
  }

  #forget(slot: Slot<C>): void {
    slot.move('closed')
    this.#slots.delete(slot)
    this.#host.gone(slot.connection!)
    if (this.#ending === null) this.#host.changed()
    else if (this.#slots.size === 0) this.#ending.resolve()
  }

  #tellClosed(slot: Slot<C>, reason: CloseReason, error?: Error, origin?: Origin | null): void {
    if (!this.#events.hears('connection:closed')) return
    this.#events.emit('connection:closed', {
      id: slot.id,
      reason,
      ...(error === undefined ? {} : { error }),
      ...(origin ? { where: originInWords(origin) } : {}),
    })
  }

  #moved(slot: Slot<C>, from: SlotState): void {
    const { state } = slot
    if (isPassing(from)) this.#between[from]--
    if (isPassing(state)) this.#between[state]++
    else if (state === 'closed') this.#closed++
    if (from !== 'leased') return
    this.#leased--
    if (!slot.isReserved) this.#ordinaryLeased--
    if (slot.onWanted !== null) this.#askable--
    slot.onWanted = null
  }

  #maintain(): void {
    const plan = planUpkeep(this.#idle, this.#slots, this.total, this.#clock.now(), this.#options)
    for (const { slot, reason } of plan.close) {
      this.#idle.splice(this.#idle.indexOf(slot), 1)
      this.#close(slot, reason)
    }
    for (const slot of plan.old) {
      slot.isOld = true
      slot.onWanted?.()
    }
    this.#upkeep.within(plan.nextInMs)
    this.#host.changed()
  }
}

/** States that a slot is in for a short time, and seldom. */
type Passing = 'checking' | 'cleaning' | 'closing'

function isPassing(state: SlotState): state is Passing {
  return state === 'checking' || state === 'cleaning' || state === 'closing'
}

/** A tenth at most: what is opened together must not end together (HikariCP, pgx and psycopg all do this). */
const LIFETIME_JITTER = 0.1
