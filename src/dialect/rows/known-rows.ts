import { isGreaterToken } from '../seen-tokens.js'
import type { RowKey } from './row-key.js'

const LEAST_PLACES = 1024

/** So many keys are remembered, at most, of that they have a row. Asking as if there was none costs one more statement. */
const MOST_PLACES = 65_536

/**
 * The keys whose rows are known to be there. When rows are removed the floor goes up, and nobody says which they were: so
 * what was learned below the floor of now does not count, in whichever order the answers come.
 *
 * Each key has one place, and the last to come there is remembered: nothing is made for a key, and nothing is left for the
 * garbage collector of names that never come again (a `Set` of ids cost a sixth of the CPU time of a lock of a new name).
 */
export class KnownRows {
  /** Tokens of new rows begin above it. */
  #floor: string
  /** The two halves of each key. */
  #places = places(LEAST_PLACES)
  #added = 0
  /** Semaphores whose slots all have rows. */
  readonly #semaphores = new Set<string>()

  constructor(floor: string) {
    this.#floor = floor
  }

  get floor(): string {
    return this.#floor
  }

  /** Whether what an answer with this floor says of rows may be remembered. */
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

  /** Some were removed, and nobody says which. */
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
      // Elsewhere stands what no key was put there for.
      if (placeOf(high, low, before) === at) put(high, low, this.#places)
    }
  }
}

/** Of so many keys. A key of zeros would be found in an empty table: what stands in its place at first has another place. */
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
