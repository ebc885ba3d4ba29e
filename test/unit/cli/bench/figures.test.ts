import { expect, test } from 'vitest'
import { figureLines, latencyOf } from '../../../../src/cli/bench/figures.js'

test('percentiles are right for measurements in any order', () => {
  const samples = Array.from({ length: 200 }, (_, i) => 200 - i)
  expect(latencyOf('x', samples)).toEqual({ name: 'x', p50Ms: 101, p99Ms: 199, samples: 200 })
  expect(latencyOf('x', [7])).toEqual({ name: 'x', p50Ms: 7, p99Ms: 7, samples: 1 })
})

test('bars have one scale for times and one for rates, and nothing is without a bar', () => {
  const lines = figureLines({
    latencies: [
      { name: 'near', p50Ms: 0.01, p99Ms: 1, samples: 9 },
      { name: 'far', p50Ms: 2, p99Ms: 4, samples: 9 },
    ],
    rates: [
      { name: 'one', perSecond: 1234.4 },
      { name: 'crowd', perSecond: 1_234_400 },
    ],
  })
  const bars = lines.map((line) => line.replaceAll(/[^█]/g, '').length)
  expect(bars).toEqual([1, 10, 20, 40, 0, 1, 40])
  expect(lines[0]).toMatch(/^near {2,}p50 0\.01 ms {2}█$/)
  expect(lines.at(-1)).toMatch(/^crowd +1,234,400\/s {2}█{40}$/)
})
