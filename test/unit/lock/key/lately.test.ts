import { expect, test } from 'vitest'
import { Lately } from '../../../../src/lock/key/lately.js'

test('recent keys are known, also two with the same place', () => {
  const lately = new Lately()
  const [one, other] = [0x12345600, 0x12345600 + 2 ** 24]
  expect([lately.came(one), lately.came(other)]).toEqual([false, false])
  expect([lately.came(one), lately.came(other), lately.came(-one)]).toEqual([true, true, false])
})

test('each of three keys with the same place is known sooner or later', () => {
  const lately = new Lately()
  const three = [1, 2, 3].map((i) => 0x345600 + i * 2 ** 24)
  const known = new Set<number>()
  for (let i = 0; i < 50; i++) {
    for (const hash of three) if (lately.came(hash)) known.add(hash)
    // Other keys come in between.
    if (i % 3 === 0) lately.came(i * 2 ** 16 + 7)
  }
  expect(known).toEqual(new Set(three))
})

test('old keys are forgotten', () => {
  const lately = new Lately()
  for (let i = 1; i <= 20_000; i++) lately.came(Math.imul(i, 0x9e3779b9))
  expect(lately.came(0x9e3779b9)).toBe(false)
  expect(lately.came(Math.imul(19_990, 0x9e3779b9))).toBe(true)
})
