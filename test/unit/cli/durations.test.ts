import fc from 'fast-check'
import { expect, test } from 'vitest'
import { durationText, LONGEST_DURATION_MS, parseDuration } from '../../../src/cli/durations.js'

test.each([
  ['0', 0],
  ['30', 30_000],
  ['500ms', 500],
  ['.5', 500],
  ['1.5m', 90_000],
  ['1.1', 1100],
  ['0.0001', 1],
  ['2h', 7_200_000],
  ['24h', LONGEST_DURATION_MS],
])('%s is understood', (text, durationMs) => {
  expect(parseDuration(text)).toBe(durationMs)
})

test.each([
  '',
  ' ',
  '-1',
  '+1',
  '1 s',
  '1e3',
  '5x',
  's',
  '1.',
  '25h',
  '86400001ms',
  'Infinity',
  'NaN',
  '0x10',
  '1s2',
])('%j is no duration', (text) => {
  expect(parseDuration(text)).toBeNull()
})

test('every duration is read back as it was written', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: LONGEST_DURATION_MS }), (durationMs) => {
      expect(parseDuration(durationText(durationMs))).toBe(durationMs)
    }),
  )
})

test('a duration above zero is never shown as zero', () => {
  const number = fc.double({ min: 0.000001, max: 1000, noNaN: true })
  fc.assert(
    fc.property(number, fc.constantFrom('ms', 's', 'm'), (value, unit) => {
      expect(parseDuration(value.toFixed(6) + unit)).toBeGreaterThan(0)
    }),
  )
})

test('a duration is written in the largest unit that fits', () => {
  expect([0, 1, 999.6, 1500, 60_000, 90_000, 7_200_000].map(durationText)).toEqual([
    '0s',
    '1ms',
    '1s',
    '1500ms',
    '1m',
    '90s',
    '2h',
  ])
})
