import { InvalidKeyError } from '../../../base/errors.js'
import { show } from '../../../base/options.js'
import { Sha256 } from '../../../base/sha256.js'
import type { KeyCode, LockKey } from '../../lock-key.js'
import type { SemaphoreCode } from '../../permit-operation.js'
import { hashesOf, type KeyHashes } from './key-hash.js'

/**
 * The first integers of the pairs in which we keep interest ("lkpi"), the buckets of that ("lkpb") and the two halves of
 * the marks of waiting writers ("lkpw", "lkpx"), in which two connections are tested ("lkpt"), in which pools announce themselves ("lkpp") and
 * how much of the lock table they may use ("lkps"), in which processes stand in line for a key ("lkpl"), and in which those
 * queue up that make our schema ("lkpd"). Users' own pairs must not begin with one.
 */
export const INTEREST_CLASS = 0x6c6b7069
export const BUCKET_CLASS = 0x6c6b7062
export const WRITER_CLASS = 0x6c6b7077
export const WRITER_CHECK_CLASS = 0x6c6b7078
export const TEST_CLASS = 0x6c6b7074
export const POOL_CLASS = 0x6c6b7070
export const SHARE_CLASS = 0x6c6b7073
export const LINE_CLASS = 0x6c6b706c
export const SCHEMA_CLASS = 0x6c6b7064

/** The classes in which lock sessions tell each other what they do. */
export const SIGNAL_CLASSES: readonly number[] = [
  INTEREST_CLASS,
  BUCKET_CLASS,
  WRITER_CLASS,
  WRITER_CHECK_CLASS,
  TEST_CLASS,
  POOL_CLASS,
  SHARE_CLASS,
  LINE_CLASS,
]

const RESERVED_CLASSES: ReadonlySet<number> = new Set([...SIGNAL_CLASSES, SCHEMA_CLASS])

/** An advisory key. PostgreSQL keeps the bigint keys and the pairs of int4 apart, so `id` does as well. */
export interface PostgresKey extends KeyCode, KeyHashes {
  readonly hash: number
  /** The key as a bigint in decimal digits; of a pair, both halves put together. */
  readonly bits: string
  /** The same in two halves, as they are written on the wire. */
  readonly high: number
  readonly low: number
  readonly isPair: boolean
}

/**
 * What it can do without is made when somebody asks for it: most keys go over the wire as two numbers, and are never seen
 * again.
 */
abstract class AdvisoryKey implements PostgresKey {
  readonly high: number
  readonly low: number
  readonly hash: number
  /** Which kind it is takes no memory of each. */
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

/** The hash of the key with this id, which may come from anybody. */
export function hashOf(keyId: string): number {
  const parts = ID.exec(keyId)
  if (parts === null) return 0
  const [high, low] = halvesOf(BigInt(parts[2]!))
  return hashesOf(high, low, parts[1] === 'p').hash
}

/**
 * The first 64 bits of SHA-256 of namespace, NUL, name, in UTF-8. In SQL:
 * `('x' || left(encode(sha256(convert_to(namespace, 'UTF8') || '\x00' || convert_to(name, 'UTF8')), 'hex'), 16))::bit(64)::bigint`.
 * A collision of any two among a million names has a chance of 3 in 10^8.
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

/** Slots of a semaphore differ in their last bits. */
export const SLOT_BITS = 10

/** A semaphore: `key` stands for no lock, and its `bits` are those of slot 0. */
export interface PostgresSemaphore extends SemaphoreCode {
  readonly key: PostgresKey
  readonly shape: PostgresKey
  readonly slot: (number: number) => PostgresKey
}

/**
 * Slots are bigint keys in a row, and so are the shapes by their numbers of permits: 54 bits of a hash, then the number.
 * What is hashed has a NUL more than a name can have, so that no lock and no semaphore are hashed from the same.
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

/** Before the first shape of a semaphore. */
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

/** Where pg_locks shows it: `classid`, `objid` and `objsubid`. */
export function advisoryLocation({ high, low, isPair }: PostgresKey): number[] {
  return [high >>> 0, low >>> 0, isPair ? 2 : 1]
}
