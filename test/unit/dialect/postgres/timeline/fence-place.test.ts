import { describe, expect, test } from 'vitest'
import { isExhausted, moveOf } from '../../../../../src/dialect/postgres/timeline/fence-place.js'
import { needsRecording } from '../../../../../src/dialect/postgres/timeline/timeline.js'
import { LAST_TOKEN, NEAR } from '../../../../../src/dialect/postgres/timeline/timeline-sql.js'

describe('the required place of the sequence', () => {
  const RUN = '1.5/5/16385'
  const clock = 10n ** 18n
  const row = (last: bigint, run: string | null = RUN) => ({ run, last: String(last), clock: String(clock) })

  test.each([
    ['in a run in which nobody has moved it, whatever it says', row(clock * 2n, null), '0', 'begin'],
    ['in another run than the last', row(clock, '1.4/5/16385'), '0', 'begin'],
    ['for another sequence of that name', row(clock, '1.5/5/16386'), '0', 'begin'],
    ['near the clock', row(clock - NEAR), '0', 'none'],
    ['behind the clock', row(clock - NEAR - 1n), '0', 'approach'],
    ['ahead of the clock', row(clock * 2n), '0', 'none'],
    ['behind what somebody here has seen', row(clock), String(clock + 1n), 'raise'],
    ['behind the clock, and behind what somebody here has seen', row(0n), '1024', 'raise'],
    ['where somebody here has seen it', row(clock), String(clock), 'none'],
  ] as const)('%s', (_, found, seen, move) => {
    expect(moveOf(found, RUN, seen)).toBe(move)
  })

  test('it is used up before it ends', () => {
    expect(isExhausted(row(LAST_TOKEN), String(LAST_TOKEN))).toBe(false)
    expect(isExhausted(row(LAST_TOKEN + 1n), '0')).toBe(true)
    expect(isExhausted(row(0n), String(LAST_TOKEN + 1n))).toBe(true)
  })
})

describe('comparison with the recorded server', () => {
  const here = { name: '00000002', system: '7000', started: '1.5' }
  const row = {
    ...here,
    longest_lease_ms: 2000,
    strict_lease_ms: 2000 as number | null,
    settling_ms: 0,
  }

  test.each([
    ['it is', row, here, true, false],
    ['nothing is', null, here, false, true],
    ['by an older version', { ...row, started: null }, here, false, true],
    ['before a fail-over', { ...row, name: '00000001' }, here, false, true],
    ['before an upgrade, or in a dump', { ...row, system: '7001' }, here, false, true],
    ['before a restart, as of an old primary that comes back', { ...row, started: '1.4' }, here, false, true],
    ['by a role that may not ask for the timeline', { ...row, name: null }, here, false, false],
    ['for a role that may not ask', row, { ...here, name: null, system: null }, false, false],
    ['without a decision, for a strict pool', { ...row, strict_lease_ms: null }, here, true, true],
    ['without a decision, for any other', { ...row, strict_lease_ms: null }, here, false, false],
  ] as const)('%s', (_, found, identity, isStrict, isNews) => {
    expect(needsRecording(found, identity, isStrict)).toBe(isNews)
  })
})
