import { expect, test } from 'vitest'
import type { ServerState } from '../../../src/dialect/server-state.js'
import type { Chain } from '../../../src/inspect/chains.js'
import { snapshotOf } from '../../../src/inspect/snapshot.js'
import {
  held,
  key,
  row,
  serverSession,
  serverState,
  transaction,
  wanted,
} from '../../support/server-state.js'

const sessions = [1, 2, 3, 4].map((pid) => serverSession(pid))

/** One line per lock: its title, the holders, and the waiters. `*` marks waiters outside the server. */
function locksOf(parts: Partial<ServerState>): string[] {
  return snapshotOf(serverState({ sessions, ...parts })).locks.map(({ title, holders, waiters }) => {
    const waiting = waiters.map(({ session, isOutside }) => `${session.pid}${isOutside ? '*' : ''}`)
    return `${title}: ${holders.map(({ session }) => session.pid).join(' ')} < ${waiting.join(' ')}`.trim()
  })
}

function tree({ session, blocked }: Chain): string {
  return blocked.length === 0 ? `${session.pid}` : `${session.pid}(${blocked.map(tree).join(' ')})`
}

test('rows about one key are one lock, and waiters keep the order in which they came', () => {
  const locks = [
    wanted(key(7), 2, 10),
    held(key(7), 1),
    wanted(key(7), 3, 500),
    held(key(8), 1, 'shared'),
    held(key(8), 3, 'shared'),
  ]
  expect(locksOf({ locks })).toEqual(['7: 1 < 3 2', '8: 1 3 <'])
})

test('a process that waits outside the server is found by the hash of the key, and the holder is not its own waiter', () => {
  const locks = [held(key(7), 1), held(key(8), 2)]
  const interests = [
    { pid: 3, hash: 7, isWriter: true },
    { pid: 1, hash: 7, isWriter: false },
    { pid: 4, hash: 99, isWriter: false },
  ]
  const { locks: found, otherInterests } = snapshotOf(serverState({ sessions, locks, interests }))

  expect(found[0]!.waiters).toMatchObject([
    { session: { pid: 3 }, mode: 'exclusive', isOutside: true, waitedMs: null, blockedBy: [1] },
  ])
  expect(found[1]!.waiters).toEqual([])
  // Session 1 is the holder itself, and the key for which session 4 waits has no holder.
  expect(otherInterests.map(({ pid }) => pid)).toEqual([1, 4])
})

test('slots of a semaphore are one lock with as many permits as its users say', () => {
  const semaphore = { name: 'pdf', namespace: '' }
  const names: ServerState['names'] = {
    nameOf: () => null,
    semaphoreOf: ({ id }) => {
      const number = Number(id)
      if (number >= 2000) return { semaphore, id: 's', part: 'shape', number: number - 2000, hash: 5 }
      return number >= 1000 ? { semaphore, id: 's', part: 'slot', number: number - 1000, hash: 5 } : null
    },
  }
  const locks = [held(key(1002), 2), held(key(1000), 1), held(key(2010), 1, 'shared'), held(key(7), 1)]
  // A session that has a permit may wait for another one.
  const interests = [{ pid: 1, hash: 5, isWriter: false }]

  const found = snapshotOf(serverState({ sessions, locks, interests, names })).locks

  expect(found).toMatchObject([
    {
      kind: 'semaphore',
      title: 'pdf',
      permits: 10,
      holders: [
        { permit: 1, session: { pid: 1 } },
        { permit: 3, session: { pid: 2 } },
      ],
      waiters: [{ isOutside: true, session: { pid: 1 } }],
    },
    { kind: 'advisory', title: '7' },
  ])
})

test('a session that waits for a transaction while it has a tuple waits for the row of that transaction', () => {
  const locks = [
    held(transaction(900), 1),
    held(row(5), 2, 'access exclusive'),
    wanted(transaction(900), 2, 300, 'share'),
    wanted(row(5), 3, 100, 'access exclusive'),
  ]
  expect(locksOf({ locks })).toEqual(['row (0,5) of orders: 1 < 2 3'])
})

test('a transaction that blocks at two rows has both', () => {
  const locks = [
    held(transaction(900), 1),
    held(row(5), 2),
    wanted(transaction(900), 2, 300),
    held(row(6), 3),
    wanted(transaction(900), 3, 100),
  ]
  expect(locksOf({ locks })).toEqual(['row (0,5) of orders: 1 < 2', 'row (0,6) of orders: 1 < 3'])
})

test('a transaction that blocks without a row stays a transaction', () => {
  const locks = [held(transaction(900), 1), wanted(transaction(900), 2, 300)]
  expect(locksOf({ locks })).toEqual(['transaction 900: 1 < 2'])
})

test('the time for which a lock is held is reported as far as the server knows it', () => {
  const quiet = { state: 'idle', stateMs: 4000, sessionMs: 60_000 }
  const parts = {
    sessions: [
      serverSession(1, quiet),
      serverSession(2, { ...quiet, isLockSession: true }),
      serverSession(3, { state: 'idle in transaction', stateMs: 5000, transactionMs: 9000 }),
    ],
    locks: [held(key(1), 1), held(key(2), 2), held({ kind: 'table', table: 'orders' } as const, 3)],
  }
  const bounds = snapshotOf(serverState(parts)).locks.map(({ holders: [holder] }) => [
    holder!.atLeastMs,
    holder!.atMostMs,
  ])
  // A lock session sends heartbeats, so it does not show how long it has been idle. A table lock is at most as old as its
  // transaction. The age of the session is no limit for an advisory lock.
  expect(bounds).toEqual([
    [4000, null],
    [0, null],
    [5000, 9000],
  ])
})

test('reports of a pool give the ages of its locks and waits', () => {
  const process = { host: 'web-3', id: 88 }
  const reports = new Map([
    [
      1,
      {
        ...{ serverId: 1, process, completeFromMs: 3000, waits: new Map() },
        holds: new Map([['7', { heldMs: 90_000, label: 'closing the month' }]]),
      },
    ],
    [
      2,
      {
        ...{ serverId: 2, process: { host: 'web-4', id: 9 }, completeFromMs: null, holds: new Map() },
        waits: new Map([['7', { waitedMs: 80_000, label: null, callers: 3 }]]),
      },
    ],
  ])
  const parts = {
    reports,
    sessions: [1, 2, 3].map((pid) => serverSession(pid, { isLockSession: true })),
    locks: [held(key(7), 1), held(key(8), 1), held(key(9), 2), held(key(10), 3)],
    interests: [{ pid: 2, hash: 7, isWriter: true }],
  }
  const { locks, sessions: found } = snapshotOf(serverState(parts))
  expect(locks.map(({ holders: [holder] }) => [holder!.atLeastMs, holder!.atMostMs, holder!.label])).toEqual([
    [90_000, 90_000, 'closing the month'],
    // The report is complete for locks older than 3000 ms, and this lock is not in it.
    [0, 3000, null],
    // The report of session 2 is not complete, so it says nothing about this lock.
    [0, null, null],
    // Session 3 has no report.
    [0, null, null],
  ])
  expect(locks[0]!.waiters).toMatchObject([{ waitedMs: 80_000, callers: 3, isOutside: true }])
  expect(found.map(({ process: name }) => name?.host)).toEqual(['web-3', 'web-4', undefined])
})

test('chains start with the cause, and a session that waits for two appears below both', () => {
  const locks = [
    held(key(1), 1),
    wanted(key(1), 2, 10),
    held(key(2), 2),
    wanted(key(2), 3, 5),
    held(key(3), 4, 'shared'),
    held(key(3), 1, 'shared'),
    wanted(key(3), 5, 5),
  ]
  const blockers = new Map([
    [2, [1]],
    [3, [2]],
    [5, [4, 1]],
  ])
  const { chains } = snapshotOf(serverState({ locks, blockers }))
  expect(chains.map(tree)).toEqual(['1(2(3) 5)', '4(5)'])
})

test('waiters behind one holder form one group, although each is also behind earlier waiters', () => {
  const locks = [held(key(1), 1), ...[2, 3, 4].map((pid) => wanted(key(1), pid, 100 - pid))]
  const blockers = new Map([
    [2, [1]],
    [3, [1, 2]],
    [4, [1, 2, 3]],
  ])
  expect(snapshotOf(serverState({ locks, blockers })).chains.map(tree)).toEqual(['1(2 3 4)'])
})

test('a cycle is shown once, also if a process waits behind its own session', () => {
  const locks = [held(key(1), 1), held(key(2), 2), wanted(key(1), 2, 1), wanted(key(2), 1, 1)]
  const blockers = new Map([
    [1, [2]],
    [2, [1]],
  ])
  expect(snapshotOf(serverState({ locks, blockers })).chains.map(tree)).toEqual(['1(2(1))'])

  const outside = {
    locks: [held(key(1), 1), held(key(2), 2)],
    interests: [1, 2].map((pid) => ({ pid, hash: 3 - pid, isWriter: false })),
  }
  expect(snapshotOf(serverState(outside)).chains.map(tree)).toEqual(['1(2)', '2(1)'])
})

test('announcements are summed up by pool', () => {
  const announcements = [
    { pid: 1, pool: 77, share: 100 },
    { pid: 2, pool: 77, share: 120 },
    { pid: 3, pool: 78, share: 5 },
  ]
  expect(snapshotOf(serverState({ announcements })).pools).toEqual([
    { sessions: [1, 2], share: 120 },
    { sessions: [3], share: 5 },
  ])
})
