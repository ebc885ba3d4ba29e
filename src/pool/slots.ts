import type { Clock } from '../base/clock.js'
import { Deferred } from '../base/deferred.js'
import type { Emitter } from '../base/emitter.js'
import type { LockError } from '../base/errors.js'
import { originInWords, type Origin } from '../base/overdue.js'
import type { Random } from '../base/random.js'
import type { GuardedFactory } from './guarded-factory.js'
import { Opener } from './opener.js'
import type { CloseReason, PoolEvents } from './pool-events.js'
import type { PoolOptions } from './pool-options.js'
import { IdleSlots } from './idle-slots.js'
import { Slot, type OnWanted, type SlotState } from './slot.js'
import { Tally } from './tally.js'
import { planUpkeep, UpkeepTimer } from './upkeep.js'

export interface SlotsHost<C> {
  /** Something became idle, or a place became free: callers may be served. */
  changed(): void
  /** An attempt to open failed. `isLast` means that no other is under way. */
  openFailed(error: LockError, isLast: boolean): void
  /** A connection has ended by itself. */
  ended(connection: C, error: Error): void
  /** A connection is gone, however it ended. */
  gone(connection: C): void
}

/** The connections of a pool: how many, in which state, and how each begins and ends. */
export class Slots<C extends object> {
  readonly #factory: GuardedFactory<C>
  readonly #options: Required<PoolOptions>
  readonly #clock: Clock
  readonly #random: Random
  readonly #events: Emitter<PoolEvents>
  readonly #host: SlotsHost<C>
  readonly opener: Opener<C>
  /** The idle ones. */
  readonly idle: IdleSlots<C>
  /** How many are in which state. */
  readonly tally: Tally<C> = new Tally()
  readonly #upkeep: UpkeepTimer
  readonly #slots = new Set<Slot<C>>()
  #nextId = 1
  #opened = 0
  #failed = 0
  #ending: Deferred<void> | null = null

  constructor(
    factory: GuardedFactory<C>,
    options: Required<PoolOptions>,
    ports: { readonly clock: Clock; readonly random: Random },
    events: Emitter<PoolEvents>,
    host: SlotsHost<C>,
  ) {
    this.#factory = factory
    this.#options = options
    this.#clock = ports.clock
    this.#random = ports.random
    this.#events = events
    this.#host = host
    this.idle = new IdleSlots(factory, options, ports.clock)
    this.#upkeep = new UpkeepTimer(ports.clock, !options.allowExitOnIdle, () => this.#maintain())
    this.opener = new Opener(factory, options, ports.clock, ports.random, {
      opened: (connection, tookMs) => this.#add(connection, tookMs),
      failed: (error, others) => this.#openFailed(error, others),
      due: () => this.#host.changed(),
    })
  }

  /** All places taken, also by what is still opening or not yet gone. */
  get total(): number {
    return this.#slots.size + this.opener.opening
  }

  /** Connections that are, or will soon be, usable. */
  get live(): number {
    return this.#slots.size - this.tally.closing
  }

  /** Connections that are idle, or become idle without a check-in. */
  get coming(): number {
    const { checking, cleaning } = this.tally
    return this.idle.size + checking + cleaning + this.opener.opening
  }

  /** Checked-out connections whose lifetime is over. */
  get old(): number {
    let count = 0
    for (const slot of this.#slots) if (slot.isOld && slot.state === 'leased') count++
    return count
  }

  /** Why no connection can be opened, if none is left and the server was just found to be down. Otherwise null. */
  get downBecause(): LockError | null {
    return this.live === 0 && this.opener.isDown ? this.opener.lastError : null
  }

  counts(): { opening: number; closing: number; opened: number; failed: number; closed: number } {
    return {
      opening: this.opener.opening,
      closing: this.tally.closing,
      opened: this.#opened,
      failed: this.#failed,
      closed: this.tally.closed,
    }
  }

  /** Takes the slot that `peek` returned. */
  checkOut(isReserved: boolean, onWanted: OnWanted | null): Slot<C> {
    const slot = this.idle.take()
    slot.move('leased')
    slot.uses++
    this.tally.checkedOut(slot, isReserved, onWanted)
    return slot
  }

  /** Checks the slot that `peek` returned. It becomes idle again, or is closed. */
  checkNext(): void {
    const slot = this.idle.take()
    slot.move('checking')
    this.#settle(slot, 'checking', this.#factory.check(slot.connection!), 'failed its check')
  }

  /** Closes the slot that `peek` returned: the timer that should have done it is late. */
  closeNext(): void {
    this.#close(this.idle.take(), 'old')
  }

  /** `origin` is where it was borrowed, if that is known. */
  checkIn(slot: Slot<C>, destroy: boolean | Error, origin: Origin | null): void {
    // It may have ended while it was out.
    if (slot.state !== 'leased') return
    if (destroy !== false) {
      return this.#drop(slot, 'released as broken', destroy === true ? undefined : destroy)
    }
    const report = this.#events.hasListener('connection:cleaned')
      ? this.#leftoversReporter(slot.id, origin)
      : IGNORE
    const cleaning = this.#factory.clean(slot.connection!, report)
    if (cleaning === null) return this.#toIdle(slot)
    slot.move('cleaning')
    this.#settle(slot, 'cleaning', cleaning.then(report), 'could not be cleaned', origin)
  }

  /** Asks borrowers with `onWanted`, until one promises to check in a connection that `helps`. */
  requestBack(helps: (slot: Slot<C>) => boolean): void {
    if (this.tally.askable === 0) return
    for (const slot of this.#slots) {
      if (slot.state === 'leased' && helps(slot) && slot.onWanted?.()) return
    }
  }

  /** Opens connections for this many callers, or as many as `min` lacks, within `max`. */
  open(forCallers: number): void {
    const { checking, cleaning } = this.tally
    const forMin = this.#options.min - this.#fresh
    const free = this.#options.max - this.#slots.size
    this.opener.open(Math.min(Math.max(forCallers - checking - cleaning, forMin), free))
  }

  /** Closes what is idle, and the rest as it comes back. Resolves when nothing is left. */
  end(): Promise<void> {
    if (this.#ending !== null) return this.#ending.promise
    this.#ending = new Deferred()
    this.#upkeep.close()
    this.opener.close()
    for (const slot of this.idle.takeAll()) this.#close(slot, 'pool closed')
    if (this.#slots.size === 0) this.#ending.resolve()
    return this.#ending.promise
  }

  /** Closes also what is still borrowed. */
  cutOff(): void {
    for (const slot of [...this.#slots]) {
      if (slot.state !== 'closing') this.#close(slot, 'pool closed', undefined, undefined, 0)
    }
  }

  /** Connections that stay for a while: neither closing nor due for replacement. */
  get #fresh(): number {
    return this.live - this.tally.old
  }

  #add(connection: C, tookMs: number): void {
    const slot = new Slot<C>(this.#nextId++, (moved, from) => this.tally.moved(moved, from))
    slot.connection = connection
    const { maxLifetimeMs } = this.#options
    const lifetime = maxLifetimeMs * (1 - LEAST_JITTER - LIFETIME_JITTER * this.#random.next())
    const now = this.#clock.now()
    slot.openedAt = now
    slot.expiresAt = now + lifetime
    slot.endsAt = now + maxLifetimeMs
    this.#slots.add(slot)
    this.#opened++
    this.#events.emit('connection:opened', { id: slot.id, tookMs })
    this.#factory.onEnd(connection, (cause) => this.#ended(slot, cause))
    this.#upkeep.within(lifetime, now)
    // A server that is shutting down may have ended it before we learned that it was open.
    if (slot.state === 'opening') this.#toIdle(slot)
    // An old connection may have waited for this replacement.
    if (this.tally.old > 0) this.#maintain()
    else this.#host.changed()
  }

  #openFailed(error: LockError, others: number): void {
    this.#failed++
    if (this.#ending !== null) return
    this.#events.emit('connection:failed', { error })
    this.#host.openFailed(error, others === 0)
    if (this.#options.min > 0) this.opener.probeLater()
  }

  /** If a caller waits for it, it has not been idle: then the clock is not read, which would cost a fifth of the total. */
  #toIdle(slot: Slot<C>): void {
    if (this.#ending !== null) {
      // A listener of that event has closed the pool.
      if (slot.state === 'opening') slot.move('idle')
      return this.#close(slot, 'pool closed')
    }
    if (slot.uses >= this.#options.maxUses) return this.#drop(slot, 'used up')
    if (slot.isOld && !this.#isKept(slot)) return this.#drop(slot, 'old')
    slot.move('idle')
    this.idle.put(slot)
    this.#host.changed()
    if (slot.state !== 'idle') return
    this.idle.rests(slot)
    this.#upkeep.within(this.#options.idleTimeoutMs, slot.idleSince)
    if (slot.isOld) this.#upkeep.within(slot.endsAt - slot.idleSince, slot.idleSince)
  }

  /** An old connection that was checked in stays until its replacement exists, if there is room for both. */
  #isKept(slot: Slot<C>): boolean {
    const { min, max } = this.#options
    return this.live <= min && this.#slots.size < max && this.#clock.now() < slot.endsAt
  }

  #leftoversReporter(id: number, origin: Origin | null): (found: readonly string[]) => void {
    return (found) => {
      if (!Array.isArray(found) || found.length === 0) return
      this.#events.emit('connection:cleaned', { id, found, where: origin && originInWords(origin) })
    }
  }

  /** Makes the slot idle when `work` is done in time, and closes it if `work` fails or takes too long. */
  #settle(
    slot: Slot<C>,
    during: SlotState,
    work: Promise<unknown>,
    otherwise: CloseReason,
    origin?: Origin | null,
  ): void {
    const fail = (error?: Error): void => {
      cancel()
      if (slot.state === during) this.#drop(slot, otherwise, error, origin)
    }
    const cancel = this.#clock.after(this.#options.closeTimeoutMs, () => fail())
    work.then(() => {
      cancel()
      if (slot.state === during) this.#toIdle(slot)
    }, fail)
  }

  /** Closes one that was in use; where there is room, another is opened before it is gone. */
  #drop(slot: Slot<C>, reason: CloseReason, error?: Error, origin?: Origin | null): void {
    this.#close(slot, reason, error, origin)
    if (this.#ending === null) this.#host.changed()
  }

  /** Its place is free again when the server has released it, or when `timeoutMs` is over. */
  #close(
    slot: Slot<C>,
    reason: CloseReason,
    error?: Error,
    origin?: Origin | null,
    timeoutMs: number = this.#options.closeTimeoutMs,
  ): void {
    slot.move('closing')
    this.#emitClosed(slot, reason, error, origin)
    const connection = slot.connection!
    const destroy = (): void => {
      if (slot.state === 'closed') return
      this.#factory.destroy(connection)
      gone()
    }
    const gone = (): void => {
      cancel()
      if (slot.state !== 'closed') this.#remove(slot)
    }
    const cancel = this.#clock.after(timeoutMs, destroy)
    this.#factory.close(connection).then(gone, destroy)
  }

  /** The connection ended by itself, in any state. */
  #ended(slot: Slot<C>, cause: Error): void {
    if (slot.state === 'closing' || slot.state === 'closed') return
    this.opener.suspect()
    if (slot.state === 'idle') this.idle.takeOut([slot])
    this.#emitClosed(slot, 'ended by itself', cause)
    this.#host.ended(slot.connection!, cause)
    const failure = slot.uses === 0 ? this.opener.ended(slot.openedAt, cause) : null
    this.#remove(slot)
    if (failure !== null) this.#openFailed(failure, this.opener.opening)
  }

  #remove(slot: Slot<C>): void {
    slot.move('closed')
    this.#slots.delete(slot)
    this.#factory.remove(slot.connection!)
    this.#host.gone(slot.connection!)
    if (this.#ending === null) this.#host.changed()
    else if (this.#slots.size === 0) this.#ending.resolve()
  }

  #emitClosed(slot: Slot<C>, reason: CloseReason, error?: Error, origin?: Origin | null): void {
    if (!this.#events.hasListener('connection:closed')) return
    this.#events.emit('connection:closed', {
      id: slot.id,
      reason,
      ...(error === undefined ? {} : { error }),
      ...(origin ? { where: originInWords(origin) } : {}),
    })
  }

  #maintain(): void {
    const strength = {
      usable: this.live,
      old: this.tally.old,
      hasRoom: this.#slots.size < this.#options.max,
    }
    const plan = planUpkeep(this.idle.slots, this.#slots, strength, this.#clock.now(), this.#options)
    for (const slot of plan.aged) this.tally.aged(slot)
    // All at once, because a listener for a closed one may check out another.
    this.idle.takeOut(plan.close.map(({ slot }) => slot))
    for (const { slot, reason } of plan.close) if (slot.state === 'idle') this.#close(slot, reason)
    this.#upkeep.within(plan.nextInMs)
    for (const slot of plan.aged) slot.onWanted?.()
    this.#host.changed()
  }
}

const IGNORE = (): void => undefined

/** Together at most a tenth: connections of the same age must not end together (as in HikariCP, pgx and psycopg). */
const LIFETIME_JITTER = 0.09
/** The part of the lifetime in which the replacement is opened. */
const LEAST_JITTER = 0.01
