import { expect, test } from 'vitest'
import { parseOptions, USAGE } from '../../../chaos/options.js'
import { timingOf } from '../../../chaos/timing.js'

test('fronts are for advisory locks, and leave room for their programs', () => {
  expect(parseOptions([])).toMatchObject({ hasFronts: false, workers: 4 })
  expect(parseOptions(['--serve'])).toMatchObject({ hasFronts: true, workers: 2, backend: 'advisory' })
  expect(parseOptions(['--serve', '--workers', '5', '--strict'])).toMatchObject({
    workers: 5,
    isStrict: true,
  })
  expect(() => parseOptions(['--serve', '--backend', 'table'])).toThrow('--serve is for --backend advisory')
  expect(() => parseOptions(['--serve', '--dialect', 'mysql'])).toThrow('--serve is for --backend advisory')
  expect(USAGE).toContain('--serve')
})

test('a calm period after a strike is long enough to find a lost wake-up', () => {
  for (const backend of ['advisory', 'named', 'named-shared', 'table'] as const)
    for (const hasFronts of [true, false]) {
      const { calmMs, echoMs } = timingOf({ backend, hasFronts })
      expect(calmMs - echoMs, backend).toBeGreaterThanOrEqual(2500)
    }
})
