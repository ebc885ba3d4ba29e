import { expect, test } from 'vitest'
import { alone, compared } from '../../../../bench/row.js'
import { table } from '../../../../bench/table.js'

const TARGET = { of: 'ours', is: 'at most', limit: 5 } as const

test('rounds without a figure are left out', () => {
  const row = alone({ what: 'a wait', unit: 'ms', ours: [NaN, 3, 1, Infinity], target: TARGET })

  expect(row).toMatchObject({ ours: { median: 1, min: 1, max: 3 }, isMet: true })
})

test('a row that no round has a figure for is shown, and misses its target', () => {
  const ours = [NaN, NaN]
  const row = compared({
    what: 'a wait',
    unit: 'ms',
    ours,
    reference: { name: 'other', figures: [0, 2] },
    target: TARGET,
  })

  expect(row.isMet).toBe(false)
  expect(table([row])).toMatch(/^a wait +none ms +other: 0 \(0-2\) +none x +<= 5 ms +MISSED$/m)
})
