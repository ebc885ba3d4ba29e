import { expect, test } from 'vitest'
import { rowWindow, scrollToRow } from '../../../../src/dashboard/page/row-window.js'
import { decades, pathOf, roundUp } from '../../../../src/dashboard/page/scale.js'
import { age, duration, grouped } from '../../../../src/dashboard/page/words.js'

test('of two thousand rows only the visible ones are created, and the others keep their space', () => {
  const { from, to, above, below } = rowWindow(2000, 34, 34_000, 500)
  expect(from).toBeLessThanOrEqual(1000)
  expect(to).toBeGreaterThanOrEqual(1015)
  expect(to - from).toBeLessThan(60)
  expect(above + (to - from) * 34 + below).toBe(2000 * 34)
  expect(rowWindow(0, 34, 0, 500)).toEqual({ from: 0, to: 0, above: 0, below: 0 })
  expect(rowWindow(3, 34, 9000, 500)).toMatchObject({ to: 3, below: 0 })
})

test('a row out of sight is scrolled to, no further than it takes', () => {
  expect(scrollToRow(5, 34, 0, 500, 32)).toBeNull()
  expect(scrollToRow(5, 34, 400, 500, 32)).toBe(170)
  expect(scrollToRow(20, 34, 0, 500, 32)).toBe(21 * 34 + 32 - 500)
})

test('a chart line has a gap where no sample was taken, and a single value is a dot', () => {
  const at = (value: number): number => value
  expect(pathOf([1, 2, null, 3, null, 4, 5], at, at)).toBe('M0.0 1.0L1.0 2.0M3.0 3.0L3.0 3.0M5.0 4.0L6.0 5.0')
  expect(pathOf([], at, at)).toBe('')
})

test('scales end in round numbers', () => {
  expect([0, 1, 3, 38, 501].map(roundUp)).toEqual([1, 1, 5, 50, 1000])
  expect(decades([[3, null, 800]])).toEqual([0, 3])
  expect(decades([[10]])).toEqual([1, 2])
  expect(decades([[null]])).toBeNull()
})

test('durations and ages are short, and say what is not known', () => {
  expect([0, 0.4, 340, 4250, 192_000, 93_600_000].map(duration)).toEqual([
    '0 ms',
    '0.4 ms',
    '340 ms',
    '4.2 s',
    '3 m 12 s',
    '1 d 2 h',
  ])
  expect(age({ atLeastMs: 0, atMostMs: null })).toBe('')
  expect(age({ atLeastMs: 4000, atMostMs: null })).toBe('≥ 4.0 s')
  expect(age({ atLeastMs: 0, atMostMs: 180_000 })).toBe('≤ 3 m')
  expect(age({ atLeastMs: 12_000, atMostMs: 180_000 })).toBe('12 s – 3 m')
  expect(age({ atLeastMs: 14_000, atMostMs: 16_000 })).toBe('14 s – 16 s')
  expect(age({ atLeastMs: 0, atMostMs: 900 })).toBe('≤ 900 ms')
  expect(age({ atLeastMs: 16_000, atMostMs: 16_000 })).toBe('16 s')
  expect(grouped(1234567)).toBe('1\u202f234\u202f567')
})
