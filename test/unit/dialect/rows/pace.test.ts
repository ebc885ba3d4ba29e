import { expect, test } from 'vitest'
import { nextPollMs, Paces } from '../../../../src/dialect/rows/pace.js'

test('the turns of a key are counted by its token, a step for each', () => {
  const paces = new Paces()
  const first = paces.saw('k', '1024', 100)
  expect(paces.saw('k', '1024', 150), 'nothing has happened').toBe(first)

  const { turnMs } = paces.saw('k', String(1024 * 11), 200)
  expect(turnMs, 'ten turns in 100 ms').toBe(first.turnMs + (10 - first.turnMs) / 8)
  const { turnMs: quicker } = paces.saw('k', String(1024 * 111), 300)
  expect(quicker, 'a hundred').toBe((turnMs + 1) / 2)
})

test('unknown facts of a row do not change its pace', () => {
  const paces = new Paces()
  const { turnMs } = paces.saw('k', '1024', 100)
  expect(paces.saw('k', '', 5000).turnMs).toBe(turnMs)
  expect(paces.saw('k', '2048', 9000).turnMs).toBe(turnMs)
})

test('the first waiter looks after a part of the time that the current holder has had, within limits', () => {
  const pace = { token: '1', tokenAt: 100, turnMs: 3 }
  expect(nextPollMs(pace, 0, 100)).toBe(0.5)
  expect(nextPollMs(pace, 0, 110), 'a young hold').toBe(2)
  expect(nextPollMs(pace, 0, 120)).toBe(8)
  expect(nextPollMs(pace, 0, 200)).toBe(40)
  expect(nextPollMs(pace, 0, 60_000)).toBe(1000)
})

test('the number of looks at a hold grows with its logarithm', () => {
  let now = 0
  let looks = 0
  for (; now < 10_000; looks++) now += nextPollMs({ token: '1', tokenAt: 0, turnMs: 3 }, 0, now)
  expect(looks).toBeLessThan(50)
})

test('a waiter further back looks when its turn should be near', () => {
  const pace = { token: '1', tokenAt: 100, turnMs: 10 }
  expect(nextPollMs(pace, 10, 100)).toBe(50)
  expect(nextPollMs(pace, 1, 100)).toBe(5)
  expect(nextPollMs(pace, 10_000, 100)).toBe(1000)
})

test('at most a thousand keys are remembered', () => {
  const paces = new Paces()
  const kept = paces.saw('k0', '1024', 0)
  for (let i = 1; i <= 1000; i++) paces.saw(`k${i}`, '1024', 5)
  expect(paces.saw('k0', '1024', 9)).not.toBe(kept)
})
