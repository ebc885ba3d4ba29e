import { INTEREST_SUFFIXES } from '../keys/lock-names.js'

/** What a process waits for at the server: one key, or the free slots of a semaphore. */
export interface Wanted {
  readonly name: string
  /** Whether the name itself is free when it can be had. Of a semaphore the slots would have to be asked for. */
  readonly isLock: boolean
}

/** Whoever waits for one that is not remembered polls, once the first who waits has gone. */
const MOST_CONTENDED = 10_000

/**
 * The keys that lock sessions of this process wait for, and under which of its names each keeps its interest. The bell asks
 * what it has to look after.
 */
export class RegistrationBook {
  readonly #slots = new Map<string, string>()
  /** Keys that this session has waited for and may have: others may wait for them still. */
  readonly #contended = new Set<string>()
  /** Keys about which the bell has to tell, until it has. */
  readonly armed: Map<string, Wanted>
  readonly #changed: () => void

  /** `armed` is shared by all sessions of the process. */
  constructor(armed: Map<string, Wanted>, changed: () => void) {
    this.armed = armed
    this.#changed = changed
  }

  /** The name under which this session keeps its interest in the key; null if it has none, or none was free. */
  slotOf(name: string): string | null {
    return this.#slots.get(name) ?? null
  }

  get names(): Iterable<string> {
    return this.#slots.keys()
  }

  /** An attempt is about to be sent that may leave interest: from now on it may be rung for. */
  asks(name: string, isLock: boolean): void {
    const isFirst = this.armed.size === 0
    this.armed.set(name, { name, isLock })
    if (isFirst) this.#changed()
  }

  /** Whether others may wait for it under any of its names. */
  isContended(name: string): boolean {
    return this.#contended.size > 0 && this.#contended.has(name)
  }

  /** Nobody waits for it, or it is not ours. */
  calm(name: string): void {
    if (this.#contended.size > 0) this.#contended.delete(name)
  }

  set(name: string, place: string): void {
    if (this.#contended.size < MOST_CONTENDED) this.#contended.add(name)
    this.#slots.set(name, `${name}${INTEREST_SUFFIXES[Number(place)]!}`)
  }

  /** It has what it wanted, or wants it no more. */
  drop(name: string): void {
    if (this.#slots.size > 0) this.#slots.delete(name)
    if (this.armed.size > 0) this.armed.delete(name)
  }

  /** The session is over. */
  clear(): void {
    for (const name of this.#slots.keys()) this.armed.delete(name)
    this.#slots.clear()
    this.#contended.clear()
  }
}
