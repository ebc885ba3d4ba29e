import { hashesOf } from '../../src/dialect/postgres/keys/key-hash.js'

/**
 * Returns another bigint key with the same hash. Two random keys share their hash once in four billion. The function
 * inverts `hashesOf`.
 */
export function twinOf(key: bigint): bigint {
  const { hash, check } = hashesOf(
    Number(BigInt.asIntN(32, key >> 32n)),
    Number(BigInt.asIntN(32, key)),
    false,
  )
  for (let other = check + 1; ; other++) {
    const found = keyOf(hash, other | 0)
    const [high, low] = [Number(BigInt.asIntN(32, found >> 32n)), Number(BigInt.asIntN(32, found))]
    if (hashesOf(high, low, false).hash === hash) return found
  }
}

/** The inverse of `hashesOf`. */
function keyOf(hash: number, check: number): bigint {
  let [low, high] = [hash, check]
  high ^= scramble(low ^ 0x52dce729)
  low ^= scramble(high ^ 0x1b873593)
  high ^= scramble(low ^ 0x3c6ef372)
  low ^= scramble(high)
  return BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt.asUintN(32, BigInt(low)))
}

function scramble(input: number): number {
  let bits = input
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
