import { expect, test } from 'vitest'
import { encodeKey } from '../../../../src/dialect/postgres/keys/key.js'
import { HeldRows } from '../../../../src/dialect/rows/held-rows.js'
import { KnownRows } from '../../../../src/dialect/rows/known-rows.js'
import { SeededRandom } from '../../../../src/testing/seeded-random.js'

const key = (bits: bigint): ReturnType<typeof encodeKey> => encodeKey(bits, '')

const SMALL = [0n, 1n, -1n, 2n ** 32n, -(2n ** 32n), 2n ** 63n - 1n]

test('at first no key has a known row, whatever its bits', () => {
  const known = new KnownRows('0')
  for (const bits of SMALL) expect(known.has(key(bits)), String(bits)).toBe(false)
})

test('a known row never belongs to another key, however many are added', () => {
  const known = new KnownRows('0')
  for (const bits of SMALL) {
    known.add(key(bits))
    expect(known.has(key(bits)), String(bits)).toBe(true)
  }
  const many = Array.from({ length: 100_000 }, (_, i) => key(BigInt(i) * 4096n + 7n))
  let forgottenAtOnce = 0
  for (const each of many) {
    known.add(each)
    if (!known.has(each)) forgottenAtOnce++
  }
  const kept = many.filter((each) => known.has(each)).length
  const mistaken = many.filter((_, i) => known.has(key(BigInt(i) * 4096n + 8n))).length
  expect([forgottenAtOnce, mistaken]).toEqual([0, 0])
  expect(kept, 'it forgets, and not too much').toBeGreaterThan(30_000)
  expect(kept).toBeLessThan(65_537)
})

test('a key of zeros is not known because a table has grown', () => {
  const known = new KnownRows('0')
  for (let i = 1; i < 20_000; i++) known.add(key(BigInt(i) * 2n ** 33n + 3n))
  for (const bits of [0n, 1n]) expect(known.has(key(bits))).toBe(false)
})

test('nothing is known below another floor', () => {
  const known = new KnownRows('5')
  known.add(key(8n))
  known.addSlotsOf('seats 3')
  expect(known.isCurrent('4'), 'an answer that was late').toBe(false)
  expect(known.has(key(8n))).toBe(true)
  expect(known.isCurrent('6')).toBe(true)
  expect([known.has(key(8n)), known.hasSlotsOf('seats 3')]).toEqual([false, false])
})

test('the table always agrees with a map', () => {
  const random = new SeededRandom(3)
  const held = new HeldRows()
  const model = new Map<bigint, bigint>()
  for (let step = 0; step < 20_000; step++) {
    const bits =
      BigInt(Math.floor(random.next() * (step < 15_000 ? 2000 : 40))) * (random.chance(0.5) ? 1n : 2n ** 40n)
    if (random.chance(step < 10_000 ? 0.6 : 0.3)) {
      held.set(key(bits), 'exclusive', BigInt(step))
      model.set(bits, BigInt(step))
    } else {
      held.delete(key(bits))
      model.delete(bits)
    }
    expect(held.get(key(bits))?.token).toBe(model.get(bits))
  }
  const all = new Map(held.all().map((each) => [BigInt(each.key.bits), each.token]))
  expect(all).toEqual(model)
})
