import type { Clock } from '../../base/clock.js'
import type { Emitter } from '../../base/emitter.js'
import { originInWords, OverdueWatch, type Origin, type Outstanding } from '../../base/overdue.js'
import { keyText } from '../../dialect/key-words.js'
import type { Lock } from './lock.js'
import type { LockEvents } from '../lock-events.js'

/**
 * Finds leaked locks and permits: it reports those that are held for too long, and also releases those whose holder has
 * dropped them. Only with `leakWarningMs`: without it no stack is captured, and callers get the locks themselves.
 */
export class LeakWatch {
  readonly #events: Emitter<LockEvents>
  readonly #overdue: OverdueWatch<Lock>
  readonly #held = new Map<Lock, Outstanding<Lock>>()
  readonly #forgotten: FinalizationRegistry<Lock>

  constructor(clock: Clock, afterMs: number, events: Emitter<LockEvents>) {
    this.#events = events
    this.#overdue = new OverdueWatch(clock, afterMs, ({ what, origin }) => {
      if (what.isHeld) this.#report('lock:overdue', what, origin)
    })
    this.#forgotten = new FinalizationRegistry((lock) => this.forgotten(lock))
  }

  watch(lock: Lock, origin: Origin): void {
    if (lock.isHeld) this.#held.set(lock, this.#overdue.begin(lock, origin))
  }

  /**
   * What the caller gets in place of the lock, which the pool itself keeps: when this is garbage-collected, no code can
   * release the lock.
   */
  handle<Kind extends Lock>(lock: Kind): Kind {
    const handle = new Proxy<Kind>(lock, HANDLE)
    this.#forgotten.register(handle, lock, lock)
    return handle
  }

  /** The lock was released or lost. */
  ended(lock: Lock): void {
    const outstanding = this.#held.get(lock)
    if (outstanding === undefined) return
    this.#held.delete(lock)
    this.#overdue.end(outstanding)
    this.#forgotten.unregister(lock)
  }

  /** Its handle was garbage-collected. */
  forgotten(lock: Lock): void {
    const outstanding = this.#held.get(lock)
    if (outstanding === undefined || !lock.isHeld) return
    this.#report('lock:forgotten', lock, outstanding.origin)
    // If the lock is lost meanwhile, another event reports it.
    lock.release().catch(() => undefined)
  }

  #report(event: 'lock:overdue' | 'lock:forgotten', lock: Lock, origin: Origin): void {
    const { key, mode, heldMs } = lock
    this.#events.emit(event, { key: keyText(key), mode, heldMs, where: originInWords(origin) })
  }
}

/** A caller that keeps only the signal still relies on the lock. */
const reliedOn = new WeakMap<AbortSignal, Lock>()

/** Every access goes to the lock itself, because a proxy does not have its private members. */
const HANDLE: ProxyHandler<Lock> = {
  get(lock, name, handle: Lock): unknown {
    const value: unknown = Reflect.get(lock, name, lock)
    if (name === 'signal') reliedOn.set(value as AbortSignal, handle)
    return typeof value === 'function' ? (value.bind(lock) as unknown) : value
  },
}
