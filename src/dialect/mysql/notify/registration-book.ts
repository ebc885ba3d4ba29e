import { REGISTRATION_SUFFIXES } from '../keys/lock-names.js'

/** What a process waits for: one key, or the free slots of a semaphore, which no statement checks. */
export interface Wanted {
  readonly name: string
  readonly by: 'writer' | 'reader' | 'permits'
}

/**
 * The maximum number of contended keys. For further keys, a release checks only the first registration name, so other
 * waiters poll.
 */
const MOST_CONTENDED = 10_000

/**
 * The keys that lock sessions of this process wait for, with the name of each session's registration. The listener
 * reads from it what to check.
 */
export class RegistrationBook {
  readonly #slots = new Map<string, string>()
  /** Keys that this session has waited for and may now hold. Other processes may still wait for them. */
  readonly #contended = new Set<string>()
  /** Keys that the listener must report when they become free. A key leaves the map when it is reported. */
  readonly armed: Map<string, Wanted>
  readonly #changed: () => void

  /** `armed` is shared by all sessions of the process. */
  constructor(armed: Map<string, Wanted>, changed: () => void) {
    this.armed = armed
    this.#changed = changed
  }

  /** The name of this session's registration for the key. Null if it has none, or if no name was free. */
  slotOf(name: string): string | null {
    return this.#slots.get(name) ?? null
  }

  get names(): Iterable<string> {
    return this.#slots.keys()
  }

  /** Called before an attempt that may leave a registration. From then on, a wake-up may arrive. */
  asks(name: string, by: Wanted['by']): void {
    const isFirst = this.armed.size === 0
    this.armed.set(name, { name, by })
    if (isFirst) this.#changed()
  }

  /** Whether other processes may wait for it under any registration name. */
  isContended(name: string): boolean {
    return this.#contended.size > 0 && this.#contended.has(name)
  }

  /** No process waits for it, or this session does not hold it. */
  notContended(name: string): void {
    if (this.#contended.size > 0) this.#contended.delete(name)
  }

  set(name: string, place: string): void {
    if (this.#contended.size < MOST_CONTENDED) this.#contended.add(name)
    this.#slots.set(name, `${name}${REGISTRATION_SUFFIXES[Number(place)]!}`)
  }

  /** The session has got the key, or no longer wants it. */
  drop(name: string): void {
    if (this.#slots.size > 0) this.#slots.delete(name)
    if (this.armed.size > 0) this.armed.delete(name)
  }

  /** Called at the end of the session. */
  clear(): void {
    for (const name of this.#slots.keys()) this.armed.delete(name)
    this.#slots.clear()
    this.#contended.clear()
  }
}
