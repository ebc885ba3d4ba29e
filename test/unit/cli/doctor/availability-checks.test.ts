import { expect, test } from 'vitest'
import { AVAILABILITY_CHECKS } from '../../../../src/cli/doctor/availability-checks.js'
import type { AvailabilityFacts } from '../../../../src/cli/doctor/doctor-facts.js'
import { leaseRule, USUAL_TIMES } from '../../../../src/cli/doctor/lease-rule.js'
import { askPatroni, factsOf } from '../../../../src/cli/doctor/patroni.js'

const PATRONI = { version: '3.3.2', ttlMs: 30_000, loopWaitMs: 10_000, isSynchronous: false }

const FACTS: AvailabilityFacts = {
  hosts: 3,
  leaseMs: 15_000,
  timeline: 4,
  standbys: 2,
  synchronousStandbys: '',
  patroni: PATRONI,
}

function said(name: string, change: Partial<AvailabilityFacts> = {}): string {
  const { status, text } = AVAILABILITY_CHECKS[name]!({ ...FACTS, ...change })
  return `${status}: ${text}`
}

test('the lease of a pool has to be over before another primary can be there', () => {
  const rule = (leaseMs: number): unknown => leaseRule(leaseMs, USUAL_TIMES)
  expect(rule(15_000)).toMatchObject({ believesMs: 13_500, soonestMs: 20_000, overlapMs: 0 })
  expect(rule(22_000), 'the longest').toMatchObject({ overlapMs: 0, belowMs: 22_000 })
  expect(rule(60_000)).toMatchObject({ believesMs: 54_000, overlapMs: 34_000 })
  expect(leaseRule(1000, { ttlMs: 5000, loopWaitMs: 10_000 })).toMatchObject({ soonestMs: 0, overlapMs: 800 })
})

test('a good cluster gets no findings', () => {
  for (const [name, look] of Object.entries(AVAILABILITY_CHECKS))
    expect(look(FACTS), name).toMatchObject({ status: 'ok', advice: null })
})

test('a lease that is too long is warned of, by what Patroni says, or by its defaults', () => {
  expect(said('lease', { leaseMs: 60_000 })).toMatch(
    /^warning: .*believes in its lock for 54 s, and another primary may come after 20 s, with Patroni here.* for 34 s$/,
  )
  expect(said('lease', { leaseMs: 60_000, patroni: null })).toMatch(/^warning: .*with Patroni's defaults/)
  expect(said('lease', { patroni: { ...PATRONI, ttlMs: 20_000 } })).toMatch(/^warning: .*after 10 s/)
  expect(said('lease', { leaseMs: 60_000, patroni: null, standbys: 0 })).toMatch(/^ok: .*no standby/)
  expect(AVAILABILITY_CHECKS['lease']!({ ...FACTS, leaseMs: 60_000 }).advice).toMatch(/leaseMs below 22 s/)
})

test('a Patroni that brings old leaders back is warned of', () => {
  const of = (version: string): string => said('patroni', { patroni: { ...PATRONI, version } })
  for (const version of ['3.0.2', '2.1.9', '3.0']) expect(of(version), version).toMatch(/^warning: /)
  for (const version of ['3.0.3', '3.1.0', '4.0', 'unknown']) expect(of(version), version).toMatch(/^ok: /)
  expect(said('patroni', { patroni: { problem: 'fetch failed' } })).toMatch(
    /^warning: could not be asked: fetch failed/,
  )
  expect(said('patroni', { patroni: null })).toMatch(/^ok: not asked/)
})

test('hosts, timeline and replication are reported', () => {
  expect(said('hosts', { hosts: 1, standbys: 0 })).toContain('no standby that could take over')
  expect(said('hosts', { hosts: 1 })).toContain('one address, and 2 standbys follow')
  expect(said('timeline', { timeline: 1 })).toBe('ok: timeline 1')
  expect(said('timeline', { timeline: null })).toContain('cannot read the timeline')
  expect(said('replication')).toMatch(/^ok: asynchronous/)
  expect(said('replication', { synchronousStandbys: '*', standbys: 0 })).toMatch(/^warning: .*commits wait/)
  expect(said('replication', { synchronousStandbys: '"node2"', standbys: 1 })).toBe(
    'ok: synchronous ("node2"), one standby follows',
  )
})

test('Patroni is asked for its settings and its version, and settings that it does not report have their defaults', async () => {
  const asked: string[] = []
  const get = (url: string): Promise<unknown> => {
    asked.push(url)
    return Promise.resolve(
      url.endsWith('/config')
        ? { ttl: 20, loop_wait: '5', synchronous_mode: 'on' }
        : { patroni: { version: '3.0.2' } },
    )
  }
  expect(await askPatroni('http://node1:8008/anything', get)).toEqual({
    ttlMs: 20_000,
    loopWaitMs: 5000,
    version: '3.0.2',
    isSynchronous: true,
  })
  expect(asked).toEqual(['http://node1:8008/config', 'http://node1:8008/patroni'])
  expect(factsOf(null, 'nonsense')).toEqual({ ...PATRONI, version: 'unknown' })
  expect(await askPatroni('http://node1:8008', () => Promise.reject(new Error('away')))).toEqual({
    problem: 'away',
  })
})
