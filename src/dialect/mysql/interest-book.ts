import { INTEREST_SUFFIXES } from './lock-names.js'

/** What a process waits for at the server: one key, or the free slots of a semaphore. */
export interface Wanted {
  readonly name: string
  /** Whether the name itself is free when it can be had. Of a semaphore the slots would have to be asked for. */
  readonly isLock: boolean
}

/**
 * The keys that lock sessions of this process wait for, and under which of its names each keeps its interest. The bell asks
 * what it has to look after.
 */
export class InterestBook {
  readonly #slots = new Map<string, string>()
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

  set(name: string, place: string): void {
    this.#slots.set(name, `${name}${INTEREST_SUFFIXES[Number(place)]!}`)
  }

  /** It has what it wanted, or wants it no more. */
  drop(name: string): void {
    this.#slots.delete(name)
    this.armed.delete(name)
  }

  /** The session is over. */
  clear(): void {
    for (const name of this.#slots.keys()) this.armed.delete(name)
    this.#slots.clear()
  }
}
