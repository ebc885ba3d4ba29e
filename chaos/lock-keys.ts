import { hashName } from '../src/dialect/postgres/keys/key.js'
import type { LockKey } from '../src/index.js'

/** Keys up to this number are raw advisory keys. */
const NUMBERS = 5

/** Keys above it are names, which `lockpool.acquire` of a front takes. */
const NAMES = 2

/** The number of keys, with or without names. The last of them is held for a long time. */
export function keyCount(hasNames: boolean): number {
  return hasNames ? NUMBERS + NAMES : NUMBERS
}

export function isNamed(number: number): boolean {
  return number > NUMBERS
}

export function nameOf(number: number): string {
  return `chaos ${number}`
}

/** The key that a pool locks for this number. */
export function lockKeyOf(number: number): LockKey {
  return isNamed(number) ? nameOf(number) : BigInt(number)
}

const NUMBER_OF: ReadonlyMap<string, string> = new Map(
  Array.from({ length: NAMES }, (_, i) => NUMBERS + 1 + i).map((number) => [
    String(hashName(nameOf(number), '')),
    String(number),
  ]),
)

/** The number of a key, from the bigint of its advisory lock. */
export function numberOf(bits: string): string {
  return NUMBER_OF.get(bits) ?? bits
}
