import { hash } from 'node:crypto'
import { InvalidKeyError } from '../../base/errors.js'
import { show } from '../../base/options.js'
import type { KeyCode, LockKey } from '../lock-key.js'

/**
 * The first integers of the pairs in which we keep interest ("lkpi"), the buckets of that ("lkpb") and the marks of
 * waiting writers ("lkpw"), in which two connections are tested ("lkpt"), in which pools announce themselves ("lkpp") and
 * how much of the lock table they may use ("lkps"), and in which processes queue up that make our schema ("lkpd"). Users'
 * own pairs must not begin with one.
 */
export const INTEREST_CLASS = 0x6c6b7069
export const BUCKET_CLASS = 0x6c6b7062
export const WRITER_CLASS = 0x6c6b7077
export const TEST_CLASS = 0x6c6b7074
export const POOL_CLASS = 0x6c6b7070
export const SHARE_CLASS = 0x6c6b7073
export const SCHEMA_CLASS = 0x6c6b7064

const RESERVED_CLASSES: ReadonlySet<number> = new Set([
  INTEREST_CLASS,
  BUCKET_CLASS,
  WRITER_CLASS,
  TEST_CLASS,
  POOL_CLASS,
  SHARE_CLASS,
  SCHEMA_CLASS,
])

/** An advisory key. PostgreSQL keeps the bigint keys and the pairs of int4 apart, so `id` does as well. */
export interface PostgresKey extends KeyCode {
  /** The key as a bigint in decimal digits; of a pair, both halves put together. */
  readonly bits: string
  /** The same in two halves, as they are written on the wire. */
  readonly high: number
  readonly low: number
  readonly isPair: boolean
  /** 32 bits for the interest in this key: both halves folded. A collision costs a wake-up for nothing. */
  readonly hash: number
}

/** @throws {InvalidKeyError} */
export function encodeKey(key: LockKey, namespace: string): PostgresKey {
  if (typeof key === 'string') return fromBits(hashName(key, namespace), false)
  if (typeof key === 'bigint') {
    if (BigInt.asIntN(64, key) !== key)
      throw new InvalidKeyError(`a raw lock key has 64 bits with sign, not ${key}n`)
    return fromBits(key, false)
  }
  const [first, second] = key
  for (const half of key) {
    if ((half | 0) !== half)
      throw new InvalidKeyError(`a raw pair is two 32-bit integers with sign, not ${show(half)}`)
  }
  if (RESERVED_CLASSES.has(first))
    throw new InvalidKeyError(`pairs that begin with ${first} are lockpool's own`)
  return fromBits(BigInt.asIntN(64, (BigInt(first) << 32n) | BigInt.asUintN(32, BigInt(second))), true)
}

/**
 * The first 64 bits of SHA-256 of namespace, NUL, name, in UTF-8. In SQL:
 * `('x' || left(encode(sha256(convert_to(namespace, 'UTF8') || '\x00' || convert_to(name, 'UTF8')), 'hex'), 16))::bit(64)::bigint`.
 * A collision of any two among a million names has a chance of 3 in 10^8.
 */
export function hashName(name: string, namespace: string): bigint {
  return hash('sha256', `${namespace}\0${name}`, 'buffer').readBigInt64BE()
}

function fromBits(value: bigint, isPair: boolean): PostgresKey {
  const bits = String(value)
  const high = Number(BigInt.asIntN(32, value >> 32n))
  const low = Number(BigInt.asIntN(32, value))
  return { id: isPair ? `p${bits}` : bits, bits, high, low, isPair, hash: high ^ low }
}

/** Where pg_locks shows it: `classid`, `objid` and `objsubid`. */
export function advisoryLocation({ high, low, isPair }: PostgresKey): unknown[] {
  return [high >>> 0, low >>> 0, isPair ? 2 : 1]
}
