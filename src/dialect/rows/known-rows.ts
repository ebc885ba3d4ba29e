import { isGreaterToken } from '../seen-tokens.js'
import type { RowKey } from './row-key.js'

const LEAST_PLACES = 1024

/** The maximum number of keys whose rows are remembered. A wrong guess costs one more statement. */
const MOST_PLACES = 65_536

/**
 * The keys whose rows are known to exist. The removal of rows raises the floor, and no message says which rows were
 * removed. So knowledge from below the current floor does not count, in whatever order the answers arrive.
 *
 * Each key has one place in a table, and a place remembers its last key. So no object is created per key, and names
 * that never come again leave nothing for the garbage collector (a `Set` of ids cost a sixth of the CPU time of a lock
 * with a new name).
 */
export class KnownRows {
  /** The tokens of new rows start above this. */
  #floor: string
  /** The two halves of each key. */
  #places = places(LEAST_PLACES)
  #added = 0
  /** Semaphores for which all slots have rows. */
  readonly #semaphores = new Set<string>()

  constructor(floor: string) {
    this.#floor = floor
  }

  get floor(): string {
    return this.#floor
  }

  /** Whether facts about rows from an answer with this floor may be remembered. */
  isCurrent(floor: string): boolean {
    if (isGreaterToken(floor, this.#floor)) {
      this.#floor = floor
      this.clear()
    }
    return floor === this.#floor
  }

  has({ high, low }: RowKey): boolean {
    const places = this.#places
    const at = placeOf(high, low, places)
    return places[at] === high && places[at + 1] === low
  }

  add({ high, low }: RowKey): void {
    if (this.#added * 4 >= this.#places.length && this.#places.length < MOST_PLACES * 2) this.#grow()
    this.#added++
    put(high, low, this.#places)
  }

  hasSlotsOf(semaphore: string): boolean {
    return this.#semaphores.has(semaphore)
  }

  addSlotsOf(semaphore: string): void {
    this.#semaphores.add(semaphore)
  }

  /** Some rows were removed, but it is unknown which. */
  clear(): void {
    this.#places = places(LEAST_PLACES)
    this.#added = 0
    this.#semaphores.clear()
  }

  #grow(): void {
    const before = this.#places
    this.#places = places(before.length * 2)
    for (let at = 0; at < before.length; at += 2) {
      const [high, low] = [before[at]!, before[at + 1]!]
      // Skips places that never got a key.
      if (placeOf(high, low, before) === at) put(high, low, this.#places)
    }
  }
}

/**
 * A table for this many keys. In a table of zeros the key 0 would be found, so the place of that key starts with the
 * value of another key.
 */
function places(count: number): Int32Array {
  const empty = new Int32Array(count * 2)
  empty[1] = 1
  return empty
}

function put(high: number, low: number, places: Int32Array): void {
  const at = placeOf(high, low, places)
  places[at] = high
  places[at + 1] = low
}

function placeOf(high: number, low: number, places: Int32Array): number {
  const mixed = Math.imul(high ^ Math.imul(low, 0x9e3779b1), 0x85ebca6b)
  return ((mixed ^ (mixed >>> 15)) & (places.length / 2 - 1)) * 2
}
