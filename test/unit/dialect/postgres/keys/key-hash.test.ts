import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bucketOf, hashesOf } from '../../../../../src/dialect/postgres/keys/key-hash.js'

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })

test('both hashes together tell any two keys of a kind apart', () => {
  fc.assert(
    fc.property(int32, int32, int32, int32, fc.boolean(), (a, b, c, d, isPair) => {
      const [one, other] = [hashesOf(a, b, isPair), hashesOf(c, d, isPair)]
      const isSame = one.hash === other.hash && one.check === other.check
      return isSame === (a === c && b === d)
    }),
    { numRuns: 2000 },
  )
})

/** Keys as people choose them. If the hash were random, about 0.2 pairs of a family of this size would share a hash. */
const FAMILIES: Readonly<Record<string, (i: number) => readonly [number, number]>> = {
  'a class and an id': (i) => [(i % 8) + 1, i >> 3],
  'an id and a class': (i) => [i >> 3, (i % 8) + 1],
  'sequential numbers': (i) => [0, i],
  'negative numbers': (i) => [-1, -i],
  'multiples of 2^32': (i) => [i, 0],
  'multiples of 2^16': (i) => [i >> 16, i << 16],
  'both halves the same': (i) => [i, i],
  'each pair and its reverse': (i) => (i % 2 === 0 ? [i >> 1, 7] : [7, i >> 1]),
}

test.each(Object.keys(FAMILIES))('%s share hardly any hashes, and fill the buckets evenly', (name) => {
  const keys = new Set(Array.from({ length: 40_000 }, (_, i) => FAMILIES[name]!(i).join()))
  const counts = new Map<number, number>()
  const hashes = new Set<number>()
  for (const key of keys) {
    const [high, low] = key.split(',').map(Number) as [number, number]
    const { hash } = hashesOf(high, low, true)
    hashes.add(hash)
    counts.set(bucketOf(hash), (counts.get(bucketOf(hash)) ?? 0) + 1)
  }

  expect(keys.size - hashes.size).toBeLessThanOrEqual(3)
  expect(counts.size).toBe(32)
  expect(Math.max(...counts.values())).toBeLessThan((keys.size / 32) * 1.2)
})

test('a bigint and a pair with the same bits are unrelated', () => {
  const bigint = hashesOf(1, 2, false)
  const pair = hashesOf(1, 2, true)
  expect(bigint.hash).not.toBe(pair.hash)
  expect(bigint.check).not.toBe(pair.check)
})
