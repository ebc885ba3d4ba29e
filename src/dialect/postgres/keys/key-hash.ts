/** What is kept beside a key on the server has 32 bits of its own to say which key it is about. */
export interface KeyHashes {
  /** Interest in the key is kept under this one. Keys that share it cost each other a wake-up for nothing. */
  readonly hash: number
  /** With `hash` it makes up all 64 bits of the key: what is marked with both is about this key and no other. */
  readonly check: number
}

/**
 * A Feistel network: each round can be undone, so two keys of one kind never have both hashes in common. The server does
 * not compute them; it is told.
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

/** Of the 32 buckets that interest is also kept under, the one for this hash. */
export function bucketOf(hash: number): number {
  return hash & (BUCKETS - 1)
}

export const BUCKETS = 32

/** The buckets that are kept in `bits`, a bit each. */
export function bucketsIn(bits: number): number[] {
  const buckets: number[] = []
  for (let bucket = 0; bucket < BUCKETS; bucket++) if ((bits & (1 << bucket)) !== 0) buckets.push(bucket)
  return buckets
}

/** A pair and a bigint of the same bits are two keys. */
const PAIR = 0x7f4a7c15

const ROUND_2 = 0x3c6ef372
const ROUND_3 = 0x1b873593
const ROUND_4 = 0x52dce729

/** The end of MurmurHash3: every bit of the input changes each bit of the result in about half of all cases. */
function scramble(input: number): number {
  let bits = input
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
