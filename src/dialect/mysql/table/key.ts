import { InvalidKeyError } from '../../../base/errors.js'
import { show } from '../../../base/options.js'
import { isRawName } from '../../check-key.js'
import { Sha256 } from '../../../base/sha256.js'
import type { LockKey } from '../../lock-key.js'
import type { RowKey, RowSemaphore } from '../../rows/row-key.js'

/** The number of low bits in which the slots of a semaphore differ. */
const SLOT_BITS = 10n

const SHA = new Sha256()

/** Most keys are used only once, so their text forms are computed only when they are read. */
class BigintKey implements RowKey {
  readonly high: number
  readonly low: number
  readonly hash: number
  #bits: string | null = null

  constructor(high: number, low: number) {
    this.high = high
    this.low = low
    this.hash = hashOfHalves(high, low)
  }

  get id(): string {
    return `${PREFIX}${this.bits}`
  }

  get bits(): string {
    this.#bits ??= String((BigInt(this.high) << 32n) | BigInt(this.low >>> 0))
    return this.#bits
  }
}

const PREFIX = 'row'
const ID = /^row(-?\d{1,20})$/

/** The hash of the key with this id. The id may come from any process, so it can have any content. */
export function hashOfRow(keyId: string): number {
  const bits = bitsOfRow(keyId)
  return bits === null ? 0 : fromBigint(BigInt(bits)).hash
}

/** Null if it is no id of a row. */
export function bitsOfRow(keyId: string): string | null {
  return ID.exec(keyId)?.[1] ?? null
}

/** The id of the key of this row. */
export function idOfRow(bits: string): string {
  return `${PREFIX}${bits}`
}

/**
 * A row is found by the first 64 bits of a SHA-256 over the namespace and the key, with a letter for its kind. The
 * table belongs to one database. Among a million keys, the chance of any collision is 3 in 10^8.
 *
 * @throws {InvalidKeyError}
 */
export function encodeRowKey(key: LockKey, namespace: string): RowKey {
  return hashed(`${namespace}\0${textOf(key)}`)
}

/** The slots are rows, and another row is for the waiters. @throws {InvalidKeyError} */
export function encodeRowSemaphore(key: LockKey, permits: number, namespace: string): RowSemaphore {
  const text = `${namespace}\0${textOf(key)}`
  const slots = roundDown(hashed(`${text}\0slots`))
  const shapes = roundDown(hashed(`${text}\0shapes`))
  return {
    key: hashed(`${text}\0waiters`),
    permits,
    shape: fromBigint(shapes + BigInt(permits)),
    slot: (number) => fromBigint(slots + BigInt(number)),
  }
}

function hashed(text: string): RowKey {
  const words = SHA.begin().add(text).end()
  return new BigintKey(words[0]!, words[1]!)
}

function roundDown({ bits }: RowKey): bigint {
  return (BigInt(bits) >> SLOT_BITS) << SLOT_BITS
}

function fromBigint(value: bigint): RowKey {
  return new BigintKey(Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asIntN(32, value)))
}

/** The slots of a semaphore are consecutive, but should fall into different buckets. */
function hashOfHalves(high: number, low: number): number {
  return high ^ Math.imul(low, 0x9e3779b1)
}

/** No name contains a NUL, so keys of different kinds never have the same hash input. */
function textOf(key: LockKey): string {
  if (typeof key === 'string') return `s${key}`
  if (typeof key === 'bigint') {
    if (BigInt.asIntN(64, key) !== key)
      throw new InvalidKeyError(`a lock key that is a bigint has 64 bits with sign, not ${key}n`)
    return `b${key}`
  }
  if (isRawName(key))
    throw new InvalidKeyError('a list with one name is a named lock, which backend "table" does not take')
  for (const half of key)
    if ((half | 0) !== half)
      throw new InvalidKeyError(`a pair is two 32-bit integers with sign, not ${show(half)}`)
  return `p${key[0]},${key[1]}`
}
