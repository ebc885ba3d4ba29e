import { describe, expect, test } from 'vitest'
import {
  LOCK_SESSION,
  lockSessionSettings,
  settingProblems,
} from '../../../../../src/dialect/postgres/session/settings.js'
import { leaseMargin } from '../../../../../src/lock/session/session-lease.js'

/** The settings of a server that has applied all settings of lockpool, except for `changes`. */
function inForce(leaseMs: number, changes: Record<string, string | undefined> = {}): Map<string, string> {
  const all = {
    ...lockSessionSettings(leaseMs),
    transaction_read_only: 'off',
    transaction_isolation: 'read committed',
    ...changes,
  }
  return new Map(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

describe('settings of a lock session', () => {
  test.each([1000, 1001, 15_000, 60_000, 32_768_000, 86_400_000])(
    'a lease of %i ms is over before the server gives up on the connection',
    (leaseMs) => {
      const settings = lockSessionSettings(leaseMs)
      const [idle, interval, count] = ['idle', 'interval', 'count'].map((part) =>
        Number(settings[`tcp_keepalives_${part}`]),
      ) as [number, number, number]

      expect((idle + interval * count) * 1000).toBeGreaterThanOrEqual(leaseMs)
      expect(Number(settings['tcp_user_timeout'])).toBeGreaterThanOrEqual(leaseMs)
      // The kernel accepts no larger value.
      expect(Math.max(idle, interval)).toBeLessThanOrEqual(32_767)
      expect(settingProblems(settings, inForce(leaseMs))).toEqual([])
    },
  )

  test.each([
    'idle_session_timeout',
    'statement_timeout',
    'lock_timeout',
    'idle_in_transaction_session_timeout',
    'transaction_timeout',
    'default_transaction_read_only',
    'default_transaction_isolation',
    'transaction_read_only',
    'transaction_isolation',
    'synchronous_commit',
    'search_path',
  ])('%s must be what was asked for', (name) => {
    const wanted = lockSessionSettings(15_000)
    const [problem, ...more] = settingProblems(wanted, inForce(15_000, { [name]: 'odd' }))

    expect(more).toEqual([])
    expect(problem).toMatch(new RegExp(`^${name} is odd, not `))
  })

  test.each(['tcp_keepalives_idle', 'tcp_keepalives_interval', 'tcp_keepalives_count', 'tcp_user_timeout'])(
    '%s may be more patient, or not be there, and not less',
    (name) => {
      const wanted = lockSessionSettings(86_400_000)
      const found = (value: string): string[] =>
        settingProblems(wanted, inForce(86_400_000, { [name]: value }))

      expect(found('0'), 'a Unix socket').toEqual([])
      expect(found('999999999')).toEqual([])
      expect(found('1')).toHaveLength(1)
    },
  )

  test('every setting has one row, with a reason', () => {
    const names = LOCK_SESSION.map(({ name }) => name)

    expect(new Set(names).size).toBe(names.length)
    for (const { why } of LOCK_SESSION) expect(why).toMatch(/\w/)
  })

  test.each([1000, 2000, 15_000, 86_400_000])(
    'with a lease of %i ms, three statements may give up on a lock before the lease is over, and none waits for long',
    (leaseMs) => {
      const timeoutMs = Number(lockSessionSettings(leaseMs)['lock_timeout'])

      expect(timeoutMs).toBeGreaterThan(0)
      expect(timeoutMs).toBeLessThanOrEqual(1000)
      expect(3 * timeoutMs).toBeLessThan((leaseMs - leaseMargin(leaseMs)) / 2)
    },
  )

  test('a setting that the server lacks is reported missing, except transaction_timeout, which came with 17', () => {
    const wanted = lockSessionSettings(15_000)

    expect(settingProblems(wanted, inForce(15_000, { transaction_timeout: undefined }))).toEqual([])
    expect(settingProblems(wanted, inForce(15_000, { idle_session_timeout: undefined }))).toEqual([
      'idle_session_timeout is not known, not 15000',
    ])
  })
})
