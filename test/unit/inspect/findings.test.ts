import { describe, expect, test } from 'vitest'
import type { ServerState } from '../../../src/dialect/server-state.js'
import { findingsOf, type Finding } from '../../../src/inspect/findings.js'
import { snapshotOf } from '../../../src/inspect/snapshot.js'
import { held, key, row, serverSession, serverState, wanted } from '../../support/server-state.js'

function findings(parts: Partial<ServerState>): Finding[] {
  return findingsOf(snapshotOf(serverState(parts)))
}

const MINUTE = 60_000
const table = { kind: 'table', table: 'orders' } as const

test('a quiet server has no findings', () => {
  const parts = {
    sessions: [
      serverSession(1, { state: 'idle', stateMs: 1000 }),
      serverSession(2, { transactionMs: 2000 }),
      serverSession(3, { state: 'idle in transaction', stateMs: 2000, transactionMs: 2000 }),
      serverSession(4, { state: 'idle', stateMs: 90 * MINUTE, isLockSession: true }),
    ],
    locks: [held(key(1), 1), held(table, 2), held(table, 3), held(key(4), 4), wanted(key(1), 5, 100)],
    blockers: new Map([[5, [1]]]),
  }
  expect(findings(parts)).toEqual([])
})

test('a blocker is named with its activity, and the length of the wait', () => {
  const found = findings({
    sessions: [serverSession(1, { state: 'idle in transaction', stateMs: 8000, host: '10.0.0.1' })],
    locks: [held(key(42), 1), wanted(key(42), 2, 7000), wanted(key(42), 3, 6000)],
    blockers: new Map([
      [2, [1]],
      [3, [1, 2]],
    ]),
  })
  expect(found).toMatchObject([{ code: 'blocked', severity: 'problem', pids: [1] }])
  expect(found[0]!.text).toBe(
    'app 1 (pid 1, client 10.0.0.1) blocks 2 others, the longest for 7.0 s, with 42; it is idle in transaction for 8.0 s.',
  )
})

test.each([
  ['idle in a transaction', 'idle_in_transaction', { state: 'idle in transaction', stateMs: 2 * MINUTE }],
  [
    'idle in a failed one',
    'idle_in_transaction',
    { state: 'idle in transaction (aborted)', stateMs: 2 * MINUTE },
  ],
  ['forgotten', 'leak', { state: 'idle', stateMs: 10 * MINUTE }],
  ['in a long transaction', 'long_holder', { state: 'active', transactionMs: 10 * MINUTE }],
] as const)('a holder that is %s is found, and worse if others wait', (_, code, session) => {
  const parts = { sessions: [serverSession(1, session)], locks: [held(key(1), 1)] }
  expect(findings(parts)).toMatchObject([{ code, severity: 'warning', pids: [1] }])

  const waiting = { ...parts, locks: [...parts.locks, wanted(key(1), 2, 10)], blockers: new Map([[2, [1]]]) }
  expect(findings(waiting)).toMatchObject([{ code, severity: 'problem' }])
})

test('a finding about a lock leads to the lock', () => {
  const table = { used: 900, capacity: 1000 }
  const found = findings({
    server: { ...serverState().server, lockTable: table },
    sessions: [
      serverSession(1, { state: 'active', transactionMs: 10 * MINUTE }),
      serverSession(4, { state: 'idle', stateMs: 10 * MINUTE }),
    ],
    locks: [held(key(7), 1), wanted(key(7), 2, 6 * MINUTE), held(key(8), 4), held(key(9), 0)],
    blockers: new Map([[2, [1]]]),
  })
  expect(
    Object.fromEntries(found.map(({ code, lock }) => [code, lock && `${lock.kind} ${lock.id}`])),
  ).toEqual({
    lock_table: null,
    long_holder: 'advisory 7',
    leak: 'advisory 8',
    prepared_transaction: 'advisory 9',
  })
})

test('of several locks it leads to the one with the most waiters', () => {
  const [finding] = findings({
    sessions: [serverSession(1, { state: 'idle', stateMs: 10 * MINUTE })],
    locks: [held(key(1), 1), held(key(2), 1), held(key(3), 1), wanted(key(2), 5, 10), wanted(key(3), 6, 10)],
  })
  expect(finding!.text).toContain(
    'holds 3 locks, has been idle for 10 m and may have leaked them. 2 others wait, for 2.',
  )
  expect(finding).toMatchObject({ code: 'leak', lock: { kind: 'advisory', id: '2', title: '2' } })
})

test('a session is reported once, whatever it holds', () => {
  const sessions = [serverSession(1, { state: 'idle', stateMs: 10 * MINUTE })]
  const [finding, ...more] = findings({
    sessions,
    locks: [held(key(1), 1), held(key(2), 1), held(key(3), 1)],
  })
  expect(finding!.text).toContain('holds 3 locks')
  expect(more).toEqual([])
})

test('several permits of one semaphore are one lock', () => {
  const semaphore = { name: 'pdf', namespace: '' }
  const names: ServerState['names'] = {
    nameOf: () => null,
    semaphoreOf: ({ id }) => ({ semaphore, id: 's', part: 'slot', number: Number(id), hash: 5 }),
  }
  const sessions = [serverSession(1, { state: 'idle', stateMs: 10 * MINUTE })]
  const [finding] = findings({ sessions, names, locks: [held(key(1), 1), held(key(2), 1)] })
  expect(finding!.text).toContain('holds pdf, has been idle')
})

test('a prepared transaction can not be ended like a session', () => {
  const [finding] = findings({ locks: [held(table, 0)] })
  expect(finding).toMatchObject({ code: 'prepared_transaction', pids: [] })
  expect(finding!.advice).toContain('ROLLBACK PREPARED')
})

test('waits without an end are counted, and the longest is named', () => {
  const locks = [held(key(1), 1), wanted(key(1), 2, 6 * MINUTE), wanted(key(1), 3, 9 * MINUTE)]
  const endless = findings({ sessions: [serverSession(3)], locks }).find(
    ({ code }) => code === 'endless_wait',
  )
  expect(endless!.text).toMatch(/^app 3 .* for 9 m\. One other session has waited as long\./)
  expect(endless!.pids).toEqual([3, 2])
})

test.each([
  [499, null],
  [500, 'warning'],
  [799, 'warning'],
  [800, 'problem'],
])('%i of 1000 entries of the lock table: %s', (used, severity) => {
  const { server } = serverState()
  const found = findings({ server: { ...server, lockTable: { used, capacity: 1000 } } })
  expect(found.map((each) => each.severity)).toEqual(severity === null ? [] : [severity])
})

test.each([
  [59_000, 90_000, null],
  [60_000, 999, null],
  [60_000, 1000, 9],
])(
  'a snapshot that is open for %i ms and %i transactions is reported with its session: %s',
  (openMs, transactions, pid) => {
    const { server } = serverState()
    const oldSnapshot = { pid: 9, application: 'pg_dump', openMs, transactions }
    const found = findings({ server: { ...server, oldSnapshot } })
    expect(found.map(({ code, endPid }) => [code, endPid])).toEqual(
      pid === null ? [] : [['old_snapshot', pid]],
    )
  },
)

test('a prepared transaction with an old snapshot has no session to end', () => {
  const { server } = serverState()
  const oldSnapshot = { pid: 0, application: '', openMs: 90_000, transactions: 5000 }
  const [finding] = findings({ server: { ...server, oldSnapshot } })
  expect(finding).toMatchObject({ code: 'old_snapshot', endPid: null, pids: [] })
  expect(finding!.text).toMatch(
    /^A prepared transaction has kept a snapshot open for 1 m 30 s, in which 5000/,
  )
})

test('problems come before warnings', () => {
  const found = findings({
    sessions: [serverSession(1, { state: 'idle', stateMs: 10 * MINUTE })],
    locks: [held(key(9), 1), held(key(1), 2), wanted(key(1), 3, 6000)],
    blockers: new Map([[3, [2]]]),
  })
  expect(found.map(({ severity }) => severity)).toEqual(['problem', 'warning'])
})

describe('one cause is one finding', () => {
  /**
   * Session 1 has a row and is idle in its transaction. Session 2 waits for the row and has a key. Session 3 waits for the key,
   * and session 4 waits for session 3.
   */
  const tangle = {
    sessions: [
      serverSession(1, { state: 'idle in transaction', stateMs: 20 * MINUTE, transactionMs: 25 * MINUTE }),
      serverSession(2, { state: 'active', transactionMs: 19 * MINUTE }),
      serverSession(3, { state: 'active', transactionMs: 18 * MINUTE }),
      serverSession(4, { state: 'active', transactionMs: 17 * MINUTE }),
    ],
    locks: [
      ...[held(row(1), 1), wanted(row(1), 2, 19 * MINUTE)],
      ...[held(key(5), 2), wanted(key(5), 3, 18 * MINUTE)],
      ...[held(table, 3), wanted(table, 4, 17 * MINUTE)],
    ],
    blockers: new Map([
      [2, [1]],
      [3, [2]],
      [4, [3]],
    ]),
  }

  test('at the root of the chain, with the sessions it blocks counted, and no other session is accused', () => {
    const found = findings(tangle)
    expect(found).toMatchObject([{ code: 'idle_in_transaction', severity: 'problem', pids: [1], endPid: 1 }])
    expect(found[0]!.text).toBe(
      'app 1 (pid 1) has been idle in a transaction for 20 m and holds row (0,1) of orders. 3 others wait, the longest for 19 m. Without a lock_timeout they wait forever.',
    )
  })

  test('two causes are two findings, the one that hits more first', () => {
    const more = {
      ...tangle,
      sessions: [
        ...tangle.sessions,
        serverSession(8, { state: 'idle', stateMs: 30 * MINUTE }),
        serverSession(9),
      ],
      locks: [...tangle.locks, held(key(1), 8), wanted(key(1), 9, 28 * MINUTE)],
      blockers: new Map([...tangle.blockers, [9, [8]]]),
    }
    expect(findings(more).map(({ code, pids }) => [code, ...pids])).toEqual([
      ['idle_in_transaction', 1],
      ['leak', 8],
    ])
  })

  test('no advice ends a session that only waits, or is about another place than its reader', () => {
    const found = findings(tangle)
    expect(found.map(({ endPid }) => endPid)).toEqual([1])
    const words = found.map(({ text, advice }) => `${text} ${advice}`).join(' ')
    expect(words).not.toMatch(/pg_terminate_backend|lockpool top|\bK\b/)
  })

  test('a wait without an explanation is a separate finding', () => {
    const found = findings({ sessions: [serverSession(2)], locks: [wanted(key(1), 2, 6 * MINUTE)] })
    expect(found).toMatchObject([{ code: 'endless_wait', pids: [2], endPid: null }])
  })
})

describe('locks of lockpool', () => {
  const report = (serverId: number, holds: [string, number][], waits: [string, number][]) =>
    [
      serverId,
      {
        ...{ serverId, process: { host: 'web-3', id: 88 }, completeFromMs: null },
        holds: new Map(holds.map(([id, heldMs]) => [id, { heldMs, label: 'closing the month' }])),
        waits: new Map(waits.map(([id, waitedMs]) => [id, { waitedMs, label: null, callers: 1 }])),
      },
    ] as const
  const sessions = [1, 2, 3].map((pid) =>
    serverSession(pid, { isLockSession: true, state: 'idle', stateMs: 100 }),
  )

  test('that block others are a finding, with since when and why they are held, and in which process', () => {
    const found = findings({
      sessions,
      locks: [held(key(7), 1), held(key(8), 1), held(key(9), 1)],
      interests: [
        { pid: 2, hash: 7, isWriter: true },
        { pid: 3, hash: 7, isWriter: true },
      ],
      reports: new Map([report(1, [['7', 25 * MINUTE]], []), report(2, [], [['7', 22 * MINUTE]])]),
    })
    expect(found).toMatchObject([{ code: 'blocked', severity: 'problem', endPid: 1, lock: { id: '7' } }])
    expect(found[0]!.text).toBe(
      'app 1 (pid 1) blocks 2 others, the longest for 22 m, with 7 (closing the month), held for 25 m.',
    )
    expect(found[0]!.advice).toBe(
      'See what process 88 on web-3 does. Its session has 2 other locks, which would be lost with it.',
    )
  })

  test('two on one session that keep others waiting are two causes', () => {
    const found = findings({
      sessions,
      locks: [held(key(7), 1), held(key(8), 1)],
      interests: [
        { pid: 2, hash: 7, isWriter: true },
        { pid: 3, hash: 8, isWriter: true },
      ],
      reports: new Map([report(2, [], [['7', 2 * MINUTE]]), report(3, [], [['8', 10_000]])]),
    })
    expect(found.map(({ severity, lock }) => [severity, lock!.id])).toEqual([
      ['problem', '7'],
      ['warning', '8'],
    ])
  })

  test.each([
    ['held for long, and nobody waits', [report(1, [['7', 900 * MINUTE]], [])], []],
    ['waited for by one who does not say for how long', [], [{ pid: 2, hash: 7, isWriter: true }]],
    ['waited for, and not for long', [report(2, [], [['7', 900]])], [{ pid: 2, hash: 7, isWriter: true }]],
  ] as const)('%s: no finding', (_, reports, interests) => {
    expect(
      findings({ sessions, interests, locks: [held(key(7), 1)], reports: new Map([...reports]) }),
    ).toEqual([])
  })
})

test('callers that wait behind another caller of their process are found and counted', () => {
  const process = { host: 'web-3', id: 88 }
  const parts = {
    sessions: [serverSession(1, { isLockSession: true })],
    locks: [held(key(7), 1)],
    reports: new Map([
      [
        1,
        {
          ...{ serverId: 1, process, completeFromMs: null },
          holds: new Map([['7', { heldMs: 25 * MINUTE, label: null }]]),
          waits: new Map([['7', { waitedMs: 22 * MINUTE, label: null, callers: 3 }]]),
        },
      ],
    ]),
  }
  const { locks } = snapshotOf(serverState(parts))
  expect(locks[0]!.waiters).toMatchObject([{ session: { pid: 1 }, isOutside: true, waitedMs: 22 * MINUTE }])
  expect(findings(parts)[0]!.text).toBe('app 1 (pid 1) blocks one other, for 22 m, with 7, held for 25 m.')
})
