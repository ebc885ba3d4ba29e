import { expect, test } from 'vitest'
import { Durations } from '../../../src/dashboard/durations.js'
import { History, SLOT_MS } from '../../../src/dashboard/history.js'
import { ManualClock } from '../../../src/testing/manual-clock.js'

const SOME = { held: 3, waiting: 1, connections: 2 }

test('a quantile is off by less than a sixth, and never above the longest', () => {
  const durations = new Durations()
  expect(durations.quantile(0.5)).toBeNull()
  for (let ms = 1; ms <= 1000; ms++) durations.record(ms)
  for (const part of [0.5, 0.95, 0.99]) {
    expect(durations.quantile(part)! / (part * 1000)).toBeGreaterThan(0.85)
    expect(durations.quantile(part)! / (part * 1000)).toBeLessThan(1.15)
  }
  expect(durations.quantile(1)).toBeLessThanOrEqual(1000)
  durations.record(0)
  durations.record(1e12)
  expect(durations.quantile(1)).toBeGreaterThan(8e7)
})

test('each slot has its own amounts and quantiles, and the last one those so far', () => {
  const clock = new ManualClock()
  const history = new History(clock)
  history.amounts(SOME)
  history.waited(10)
  clock.advance(SLOT_MS)
  history.amounts({ ...SOME, held: 4 })
  history.held(500)

  const { at, held, waits, holds, of, maxConnections } = history.json('process', 5)

  expect(at[1]! - at[0]!).toBe(SLOT_MS)
  expect({ held, of, maxConnections }).toEqual({ held: [3, 4], of: 'process', maxConnections: 5 })
  expect(waits.p50).toEqual([10, null])
  expect(holds.p99).toEqual([null, 500])
})

test('a time without samples is a gap, however long', () => {
  const clock = new ManualClock()
  const history = new History(clock)
  history.amounts(SOME)
  expect(history.isDue).toBe(false)
  clock.advance(10 * SLOT_MS)
  expect(history.isDue).toBe(true)
  history.amounts(SOME)

  expect(history.json('server', null).held).toEqual([3, null, 3])
})

test('samples older than a quarter of an hour are removed', () => {
  const clock = new ManualClock()
  const history = new History(clock)
  for (let slot = 0; slot < 400; slot++) {
    history.amounts({ ...SOME, held: slot })
    clock.advance(SLOT_MS)
  }
  const { held, spanMs } = history.json('server', null)
  expect(held.length).toBeLessThanOrEqual(spanMs / SLOT_MS)
  expect(held.at(-2)).toBe(399)
  clock.advance(2 * spanMs)
  expect(history.json('server', null).held).toEqual([null])
})
