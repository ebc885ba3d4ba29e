import { expect, test } from 'vitest'
import { Lately } from '../../../src/lock/lately.js'

test('what came before is known, for two that have one place as well', () => {
  const lately = new Lately()
  const [one, other] = [0x12345600, 0x12345600 + 2 ** 24]
  expect([lately.came(one), lately.came(other)]).toEqual([false, false])
  expect([lately.came(one), lately.came(other), lately.came(-one)]).toEqual([true, true, false])
})

test('what came long before is forgotten', () => {
  const lately = new Lately()
  for (let i = 1; i <= 20_000; i++) lately.came(Math.imul(i, 0x9e3779b9))
  expect(lately.came(0x9e3779b9)).toBe(false)
  expect(lately.came(Math.imul(19_990, 0x9e3779b9))).toBe(true)
})
