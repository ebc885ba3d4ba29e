import { hashName } from '../src/dialect/postgres/keys/key.js'
import type { LockKey } from '../src/index.js'

/** Keys up to this number are numbers at the server as well. */
const NUMBERS = 5

/** Keys behind them are names: what `lockpool.acquire` of a front takes. */
const NAMES = 2

/** How many keys there are, with names and without. The last of them is held for long. */
export function keyCount(hasNames: boolean): number {
  return hasNames ? NUMBERS + NAMES : NUMBERS
}

export function isNamed(number: number): boolean {
  return number > NUMBERS
}

export function nameOf(number: number): string {
  return `chaos ${number}`
}

/** What a pool locks for the key with this number. */
export function lockKeyOf(number: number): LockKey {
  return isNamed(number) ? nameOf(number) : BigInt(number)
}

const NUMBER_OF: ReadonlyMap<string, string> = new Map(
  Array.from({ length: NAMES }, (_, i) => NUMBERS + 1 + i).map((number) => [
    String(hashName(nameOf(number), '')),
    String(number),
  ]),
)

/** The number of a key, by the bigint that its advisory lock has. */
export function numberOf(bits: string): string {
  return NUMBER_OF.get(bits) ?? bits
}
