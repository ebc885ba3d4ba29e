import { expect, test } from 'vitest'
import { RecentHashes } from '../../../../src/lock/key/recent-hashes.js'

test('recent keys are known, also two with the same place', () => {
  const recentHashes = new RecentHashes()
  const [one, other] = [0x12345600, 0x12345600 + 2 ** 24]
  expect([recentHashes.came(one), recentHashes.came(other)]).toEqual([false, false])
  expect([recentHashes.came(one), recentHashes.came(other), recentHashes.came(-one)]).toEqual([
    true,
    true,
    false,
  ])
})

test('each of three keys with the same place is known sooner or later', () => {
  const recentHashes = new RecentHashes()
  const three = [1, 2, 3].map((i) => 0x345600 + i * 2 ** 24)
  const known = new Set<number>()
  for (let i = 0; i < 50; i++) {
    for (const hash of three) if (recentHashes.came(hash)) known.add(hash)
    // Other keys come in between.
    if (i % 3 === 0) recentHashes.came(i * 2 ** 16 + 7)
  }
  expect(known).toEqual(new Set(three))
})

test('old keys are forgotten', () => {
  const recentHashes = new RecentHashes()
  for (let i = 1; i <= 20_000; i++) recentHashes.came(Math.imul(i, 0x9e3779b9))
  expect(recentHashes.came(0x9e3779b9)).toBe(false)
  expect(recentHashes.came(Math.imul(19_990, 0x9e3779b9))).toBe(true)
})
