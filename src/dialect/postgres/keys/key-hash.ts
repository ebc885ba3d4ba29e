/**
 * Two 32-bit hashes of a key. Registrations and similar records on the server have 32 bits each for the key that they
 * concern.
 */
export interface KeyHashes {
  /**
   * The number under which waiter registrations for the key are kept. Keys with the same hash cause each other an
   * unnecessary wake-up.
   */
  readonly hash: number
  /** Together with `hash` it determines all 64 bits of the key, so a record that has both concerns this key only. */
  readonly check: number
}

/**
 * Computes the hashes with a Feistel network. Each round can be undone, so no two keys of one kind have both hashes in
 * common. The server does not compute the hashes; it gets them from us.
 */
export function hashesOf(high: number, low: number, isPair: boolean): KeyHashes {
  let hash = low
  let check = isPair ? high ^ PAIR : high
  hash ^= scramble(check)
  check ^= scramble(hash ^ ROUND_2)
  hash ^= scramble(check ^ ROUND_3)
  check ^= scramble(hash ^ ROUND_4)
  return { hash, check }
}

/** Registrations are also kept under 32 buckets. This is the bucket for a hash. */
export function bucketOf(hash: number): number {
  return hash & (BUCKETS - 1)
}

export const BUCKETS = 32

/** The buckets whose bits are set in `bits`. */
export function bucketsIn(bits: number): number[] {
  const buckets: number[] = []
  for (let bucket = 0; bucket < BUCKETS; bucket++) if ((bits & (1 << bucket)) !== 0) buckets.push(bucket)
  return buckets
}

/** Makes a pair and a bigint with the same bits different keys. */
const PAIR = 0x7f4a7c15

const ROUND_2 = 0x3c6ef372
const ROUND_3 = 0x1b873593
const ROUND_4 = 0x52dce729

/** The final mix of MurmurHash3: every bit of the input changes each bit of the result in about half of all cases. */
function scramble(input: number): number {
  let bits = input
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
