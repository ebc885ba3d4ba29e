import { isRawName } from '../../check-key.js'
import { InvalidKeyError } from '../../../base/errors.js'
import { show } from '../../../base/options.js'
import { Sha256 } from '../../../base/sha256.js'
import type { KeyCode, LockKey } from '../../lock-key.js'
import type { SemaphoreCode } from '../../permit-operation.js'
import { hashesOf, type KeyHashes } from './key-hash.js'

/**
 * The first integers of our internal advisory pairs. They are for waiter registrations ("lkpi"), the buckets of
 * registrations ("lkpb"), the two halves of an intent lock ("lkpw", "lkpx"), the self-test of two connections ("lkpt"),
 * announcements of pools ("lkpp") and of their shares of the lock table ("lkps"), server queues ("lkpl"), the
 * creation of our schema ("lkpd"), and the move of a namespace to another backend ("lkpm"). Users' own pairs must not begin with any of them.
 */
export const REGISTRATION_CLASS = 0x6c6b7069
export const BUCKET_CLASS = 0x6c6b7062
export const WRITER_CLASS = 0x6c6b7077
export const WRITER_CHECK_CLASS = 0x6c6b7078
export const TEST_CLASS = 0x6c6b7074
export const POOL_CLASS = 0x6c6b7070
export const SHARE_CLASS = 0x6c6b7073
export const SERVER_QUEUE_CLASS = 0x6c6b706c
export const SCHEMA_CLASS = 0x6c6b7064
export const MOVE_CLASS = 0x6c6b706d

/** The classes of the internal locks that lock sessions take. */
export const SIGNAL_CLASSES: readonly number[] = [
  REGISTRATION_CLASS,
  BUCKET_CLASS,
  WRITER_CLASS,
  WRITER_CHECK_CLASS,
  TEST_CLASS,
  POOL_CLASS,
  SHARE_CLASS,
  SERVER_QUEUE_CLASS,
]

const RESERVED_CLASSES: ReadonlySet<number> = new Set([...SIGNAL_CLASSES, SCHEMA_CLASS, MOVE_CLASS])

/** An advisory key. PostgreSQL keeps bigint keys and pairs of int4 apart, and `id` does too. */
export interface PostgresKey extends KeyCode, KeyHashes {
  readonly hash: number
  /** The key as a bigint in decimal digits. For a pair, it is both halves put together. */
  readonly bits: string
  /** The two halves of `bits`, as they are sent on the wire. */
  readonly high: number
  readonly low: number
  readonly isPair: boolean
}

/**
 * Most keys are sent as two numbers and never used again, so the other properties are computed only when they are read.
 */
abstract class AdvisoryKey implements PostgresKey {
  readonly high: number
  readonly low: number
  readonly hash: number
  /** An abstract getter instead of a field, so it takes no memory per key. */
  abstract readonly isPair: boolean
  #id: string | null = null

  constructor(high: number, low: number, hash: number) {
    this.high = high
    this.low = low
    this.hash = hash
  }

  get check(): number {
    return hashesOf(this.high, this.low, this.isPair).check
  }

  get id(): string {
    this.#id ??= this.isPair ? `p${this.bits}` : String(toBigint(this.high, this.low))
    return this.#id
  }

  get bits(): string {
    return this.isPair ? String(toBigint(this.high, this.low)) : this.id
  }
}

class BigintKey extends AdvisoryKey {
  constructor(high: number, low: number) {
    super(high, low, hashesOf(high, low, false).hash)
  }

  get isPair(): boolean {
    return false
  }
}

class PairKey extends AdvisoryKey {
  constructor(high: number, low: number) {
    super(high, low, hashesOf(high, low, true).hash)
  }

  get isPair(): boolean {
    return true
  }
}

/** @throws {InvalidKeyError} */
export function encodeKey(key: LockKey, namespace: string): PostgresKey {
  if (typeof key === 'string') return fromName(key, namespace)
  if (typeof key === 'bigint') {
    if (BigInt.asIntN(64, key) !== key)
      throw new InvalidKeyError(`a raw lock key must fit in a signed 64-bit integer, got ${key}n`)
    return fromBigint(key)
  }
  if (isRawName(key))
    throw new InvalidKeyError(
      'a list with one name is a named lock of MariaDB and MySQL, which PostgreSQL does not have',
    )
  const [first, second] = key
  for (const half of key) {
    if ((half | 0) !== half)
      throw new InvalidKeyError(`a raw pair must be two signed 32-bit integers, got ${show(half)}`)
  }
  if (RESERVED_CLASSES.has(first))
    throw new InvalidKeyError(`pairs that begin with ${first} are reserved for lockpool`)
  return new PairKey(first, second)
}

const ID = /^(p?)(-?\d{1,20})$/

/** The hash of the key with this id. The id may come from any process, so it can have any content. */
export function hashOf(keyId: string): number {
  const parts = ID.exec(keyId)
  if (parts === null) return 0
  const [high, low] = halvesOf(BigInt(parts[2]!))
  return hashesOf(high, low, parts[1] === 'p').hash
}

/**
 * The first 64 bits of SHA-256 of namespace, NUL, name, in UTF-8. In SQL:
 * `('x' || left(encode(sha256(convert_to(namespace, 'UTF8') || '\x00' || convert_to(name, 'UTF8')), 'hex'),
 * 16))::bit(64)::bigint`.
 * Among a million names, the chance of any collision is 3 in 10^8.
 */
export function hashName(name: string, namespace: string): bigint {
  const [high, low] = wordsOf(name, namespace)
  return toBigint(high!, low!)
}

function fromName(name: string, namespace: string): PostgresKey {
  const words = wordsOf(name, namespace)
  return new BigintKey(words[0]!, words[1]!)
}

const SHA256 = new Sha256()

function wordsOf(name: string, namespace: string): Int32Array {
  return SHA256.begin().add(namespace).add('\0').add(name).end()
}

/** The number of low bits in which the slots of a semaphore differ. */
export const SLOT_BITS = 10

/** A semaphore. `key` is not a lock itself; its `bits` are those of slot 0. */
export interface PostgresSemaphore extends SemaphoreCode {
  readonly key: PostgresKey
  readonly shape: PostgresKey
  readonly slot: (number: number) => PostgresKey
}

/**
 * The slots of a semaphore are consecutive bigint keys, and so are its shapes, one for each number of permits: 54 bits
 * of a hash, then the number. The hashed text has one NUL more than a name can have, so a semaphore never has the same
 * hash input as a lock.
 */
export function encodeSemaphore(key: LockKey, permits: number, namespace: string): PostgresSemaphore {
  encodeKey(key, namespace)
  const text = typeof key === 'string' ? `name\0${key}` : `raw\0${String(key)}`
  const slots = roundDown(hashName(`semaphore\0${text}`, namespace))
  const shapes = roundDown(hashName(`shape\0${text}`, namespace))
  const slot = (number: number): PostgresKey => fromBigint(slots + BigInt(number))
  const { bits, high, low, isPair, hash, check } = slot(0)
  return {
    key: { id: `s${bits}`, bits, high, low, isPair, hash, check },
    permits,
    shape: fromBigint(shapes + BigInt(permits)),
    slot,
  }
}

/** The number just before the first shape of a semaphore. */
export function shapesOf({ shape, permits }: PostgresSemaphore): string {
  return String(BigInt(shape.bits) - BigInt(permits))
}

function roundDown(bits: bigint): bigint {
  return (bits >> BigInt(SLOT_BITS)) << BigInt(SLOT_BITS)
}

function fromBigint(value: bigint): PostgresKey {
  const [high, low] = halvesOf(value)
  return new BigintKey(high, low)
}

function halvesOf(value: bigint): [high: number, low: number] {
  return [Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asIntN(32, value))]
}

function toBigint(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0)
}

/** The location of a key in pg_locks: `classid`, `objid` and `objsubid`. */
export function advisoryLocation({ high, low, isPair }: PostgresKey): number[] {
  return [high >>> 0, low >>> 0, isPair ? 2 : 1]
}
