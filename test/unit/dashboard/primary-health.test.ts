import { expect, test } from 'vitest'
import { healthOf } from '../../../src/dashboard/health.js'
import type { PrimarySnapshot } from '../../../src/lock/session/primary-watch.js'
import { fakeWorld } from '../../support/fake-world.js'

test('the dashboard of a pool says where the primary is, once it has changed', () => {
  const pool = fakeWorld().pool().snapshot()
  const sentences = (primary: PrimarySnapshot | null): string[] =>
    healthOf({ snapshot: null, unavailable: null, pool: { ...pool, primary } })
      .filter(({ code }) => code === 'primary')
      .map(({ text }) => text)
  const primary = { host: 'b:5432', timeline: 4, changes: 0, downMs: 0 }

  expect(sentences(null)).toEqual([])
  expect(sentences(primary)).toEqual([])
  expect(sentences({ ...primary, changes: 1, downMs: 4200 })).toEqual([
    'The primary has changed once since this process began: it is b:5432, timeline 4, and was away for 4.2 s the last time.',
  ])
  expect(sentences({ ...primary, timeline: null, changes: 2, downMs: 0 })[0]).toContain('changed 2 times')
})
