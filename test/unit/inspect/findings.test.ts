import { expect, test } from 'vitest'
import type { ServerState } from '../../../src/dialect/server-state.js'
import { findingsOf, type Finding } from '../../../src/inspect/findings.js'
import { snapshotOf } from '../../../src/inspect/snapshot.js'
import { held, key, serverSession, serverState, wanted } from '../../support/server-state.js'

function findings(parts: Partial<ServerState>): Finding[] {
  return findingsOf(snapshotOf(serverState(parts)))
}

const MINUTE = 60_000
const table = { kind: 'table', table: 'orders' } as const

test('a quiet server is worth no look', () => {
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

test('whoever blocks others is named with what it does, and the length of the wait', () => {
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
    'app 1 (process 1, client 10.0.0.1) blocks 2 others, the longest for 7.0 s, with 42; it is idle in transaction for 8.0 s.',
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

test('what is about a lock leads to it', () => {
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
    blocked: 'advisory 7',
    long_holder: 'advisory 7',
    endless_wait: 'advisory 7',
    leak: 'advisory 8',
    prepared_transaction: 'advisory 9',
  })
})

test('of several locks it leads to the one that most wait for', () => {
  const [finding] = findings({
    sessions: [serverSession(1, { state: 'idle', stateMs: 10 * MINUTE })],
    locks: [held(key(1), 1), held(key(2), 1), held(key(3), 1), wanted(key(2), 5, 10), wanted(key(3), 6, 10)],
  })
  expect(finding!.text).toContain('holds 3 locks and has done nothing for 10 m, and 2 wait for them')
  expect(finding).toMatchObject({ code: 'leak', lock: { kind: 'advisory', id: '2', title: '2' } })
})

test('a session is told of once, whatever it holds', () => {
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
  expect(finding!.text).toContain('holds pdf and has done nothing')
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
  expect(endless!.text).toMatch(/^app 3 .* for 9 m, and 1 more wait/)
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

test('problems come before warnings', () => {
  const found = findings({
    sessions: [serverSession(1, { state: 'idle', stateMs: 10 * MINUTE })],
    locks: [held(key(9), 1), held(key(1), 2), wanted(key(1), 3, 6000)],
    blockers: new Map([[3, [2]]]),
  })
  expect(found.map(({ severity }) => severity)).toEqual(['problem', 'warning'])
})
