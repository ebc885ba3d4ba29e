import { expect, test } from 'vitest'
import { Silence, TICKS } from '../../../../src/serve/watchdog/heartbeat-silence.js'

test('a silence is too long after as many ticks without a sign of life, and not before', () => {
  const silence = new Silence()
  const ticks = (count: number): boolean[] => Array.from({ length: count }, () => silence.tick())
  expect(ticks(TICKS - 1)).not.toContain(true)
  silence.heard()
  expect(ticks(TICKS - 1)).not.toContain(true)
  expect(silence.tick()).toBe(true)
})
