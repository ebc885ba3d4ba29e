import { expect, test } from 'vitest'
import { chainLines, findingLines } from '../../../../src/cli/inspect/chain-view.js'
import { tableLines } from '../../../../src/cli/inspect/columns.js'
import { wantedLocks } from '../../../../src/cli/inspect/key-argument.js'
import { byUrgency, lockLines } from '../../../../src/cli/inspect/locks-view.js'
import { lockJson, snapshotJson } from '../../../../src/cli/inspect/snapshot-json.js'
import { whoLines } from '../../../../src/cli/inspect/who-view.js'
import type { Channel } from '../../../../src/cli/terminal.js'
import { UsageError } from '../../../../src/cli/usage-error.js'
import { encodeKey, encodeSemaphore, REGISTRATION_CLASS } from '../../../../src/dialect/postgres/keys/key.js'
import { KeyNameBook } from '../../../../src/dialect/postgres/records/key-names.js'
import { findingsOf } from '../../../../src/inspect/findings.js'
import { snapshotOf, type LockSnapshot } from '../../../../src/inspect/snapshot.js'
import { held, key, serverSession, serverState, wanted } from '../../../support/server-state.js'

const orders = { kind: 'table', table: 'orders' } as const

const plain: Channel = { isTerminal: false, write: () => undefined, paint: (_, text) => text }

/** Session 1 has two locks. Session 2 waits for one of them in the server, and session 3 waits for it outside the server. */
function snapshot(): LockSnapshot {
  return snapshotOf(
    serverState({
      sessions: [
        serverSession(1, {
          application: 'billing',
          host: '10.0.0.1',
          state: 'idle',
          stateMs: 8000,
          sessionMs: 90_000,
        }),
        serverSession(2, { application: 'report' }),
        serverSession(3, { application: 'worker', isLockSession: true }),
      ],
      locks: [held(key(42), 1), held(key(7), 1), wanted(key(42), 2, 6000)],
      blockers: new Map([[2, [1]]]),
      interests: [{ pid: 3, hash: 42, isWriter: false }],
    }),
  )
}

test('one line per lock, the most urgent first', () => {
  const locks = snapshot().locks.toSorted(byUrgency)

  const [head, ...lines] = lockLines(locks, 10, plain, Infinity)
  expect(head!.split(/ {2,}/)).toEqual([
    ...['lock', 'kind', 'held by (pid, client)', 'mode', 'for', 'waiting', 'longest'],
  ])
  expect(lines).toEqual([
    '42    advisory  billing (1, 10.0.0.1)  exclusive  >= 8.0 s        2    6.0 s',
    '7     advisory  billing (1, 10.0.0.1)  exclusive  >= 8.0 s',
  ])
  expect(lockLines(locks, 1, plain, Infinity).at(-1)).toBe('and 1 more; --limit shows them')
  expect(lockLines([], 1, plain, Infinity)).toEqual(['no locks'])
})

test('who: the holder, its other locks, and the waiters, those in the server in order', () => {
  const [lock] = snapshot().locks
  expect(whoLines(lock!, () => 1, plain)).toEqual([
    '42  (advisory)',
    'held by',
    '  billing (pid 1, client 10.0.0.1), exclusive, for at least 8.0 s',
    '    user app; idle for 8.0 s; holds 1 other lock',
    '    SELECT 1',
    'waiting',
    '  1  report (pid 2), exclusive, for 6.0 s',
    '  -  worker (pid 3), waits in its process',
  ])
})

test('who says if callers behind others of their process do not show, because there is no table for them', () => {
  const lockSession = (pid: number, isLockSession: boolean) =>
    snapshotOf(
      serverState({ sessions: [serverSession(pid, { isLockSession })], locks: [held(key(42), pid)] }),
    ).locks[0]!
  expect(whoLines(lockSession(1, true), () => 0, plain, false).slice(-2)).toEqual([
    'no waiters',
    expect.stringMatching(/^callers that wait .* do not show here: .*lockpool install/),
  ])
  // A session of another program has no callers behind it, and with the table all of them show.
  for (const lines of [
    whoLines(lockSession(1, false), () => 0, plain, false),
    whoLines(lockSession(1, true), () => 0, plain, true),
  ])
    expect(lines.at(-1)).toBe('no waiters')
})

test('who says how many callers of one process wait', () => {
  const lines = (callers: number): string | undefined => {
    const waits = new Map([['7', { waitedMs: 8000, label: 'a@10.0.0.1:5', callers }]])
    const report = {
      serverId: 1,
      process: { host: 'web', id: 8 },
      completeFromMs: 2000,
      holds: new Map(),
      waits,
    }
    const sessions = [serverSession(1, { isLockSession: true })]
    const { locks } = snapshotOf(
      serverState({ sessions, locks: [held(key(7), 1)], reports: new Map([[1, report]]) }),
    )
    return whoLines(locks[0]!, () => 0, plain).at(-1)
  }
  const first = '  -  app 1 (pid 1), waits in its process for 8.0 s; label: a@10.0.0.1:5'
  expect([lines(1), lines(2), lines(5)]).toEqual([
    first,
    `${first}; and 1 more caller there`,
    `${first}; and 4 more callers there`,
  ])
})

test('a lock that is a row has another kind for people than one of the server', () => {
  const member = 2 ** 32 + 7
  const [lock] = snapshotOf(
    serverState({ sessions: [serverSession(member)], locks: [held(key(42), member)] }),
  ).locks
  expect(whoLines(lock!, () => 0, plain)[0]).toBe('42  (leased row)')
  expect(lockLines([lock!], 1, plain, Infinity)[1]).toMatch(/^42 +leased row /)
  expect(lockJson(lock!)).toMatchObject({ kind: 'advisory' })
})

test('who, for a role that may not see the activity of others', () => {
  const hidden = { state: null, stateMs: null, sessionMs: null, query: '<insufficient privilege>' }
  const { locks } = snapshotOf(
    serverState({ sessions: [serverSession(1, hidden)], locks: [held(key(42), 1)] }),
  )
  expect(whoLines(locks[0]!, () => 0, plain).slice(2, -1)).toEqual([
    '  app 1 (pid 1), exclusive, age unknown',
    '    user app; only members of pg_read_all_stats see what it does',
  ])
})

test('chains are drawn below their cause, and findings with advice', () => {
  const { chains } = snapshot()
  expect(chainLines(chains, plain)).toEqual([
    'billing (1, 10.0.0.1) blocks 2, idle for 8.0 s',
    '├─ report (2) waits for 42 (exclusive, 6.0 s)',
    '└─ worker (3) waits for 42 (in its process)',
  ])
  expect(findingLines(findingsOf(snapshot()), plain, Infinity)).toEqual([
    expect.stringMatching(/^✗ billing .* blocks 2 others/),
    expect.stringMatching(/^ {2}See what this session does\. pg_terminate_backend\(1\) ends its session\.$/),
  ])
})

test('the same name in two namespaces stays distinct wherever a lock is named', () => {
  const names = {
    nameOf: ({ id }: { id: string }) => ({ name: 'orders', namespace: id === '1' ? 'shop' : 'billing' }),
    semaphoreOf: () => null,
  }
  const snapshot = snapshotOf(
    serverState({
      sessions: [serverSession(1), serverSession(3, { state: 'idle', stateMs: 600_000 })],
      locks: [held(key(1), 1), wanted(key(1), 2, 400_000), held(key(2), 3)],
      blockers: new Map([[2, [1]]]),
      names,
    }),
  )
  const shown = [...lockLines(snapshot.locks, 10, plain, Infinity), ...chainLines(snapshot.chains, plain)]
  const found = findingsOf(snapshot).map(({ text }) => text)
  const mentions = [...shown, ...found].filter((line) => line.includes('orders'))
  expect(mentions).toHaveLength(5)
  for (const mention of mentions) expect(mention).toMatch(/orders \[(?:shop|billing)\]/)
})

test('in JSON sessions appear once, and everything can be written', () => {
  const json = JSON.parse(JSON.stringify(snapshotJson(snapshot()))) as ReturnType<typeof snapshotJson>
  expect(json).toMatchObject({
    version: 1,
    at: '1970-01-01T00:00:00.000Z',
    locks: [
      {
        id: '42',
        holders: [{ pid: 1 }],
        waiters: [
          { pid: 2, waitedMs: 6000 },
          { pid: 3, isOutside: true },
        ],
      },
      { id: '7', waiters: [] },
    ],
    sessions: [{ pid: 1 }, { pid: 2 }, { pid: 3 }],
    chains: [{ pid: 1, blocked: [{ pid: 2, lock: { id: '42' } }, { pid: 3 }] }],
    findings: [{ code: 'blocked', lock: { kind: 'advisory', id: '42', title: '42' } }],
  })
})

test('a table that does not fit cuts what may be cut, and no line is wider than the screen', () => {
  const columns = [
    { title: 'name', cell: (row: string) => row, widest: 6 },
    { title: 'size', cell: (row: string) => String(row.length), isRight: true },
  ]
  expect(tableLines(columns, ['orders', 'a long name'], 40).body).toEqual([
    'orders          6',
    'a long name    11',
  ])
  expect(tableLines(columns, ['orders', 'a long name'], 12)).toEqual({
    head: 'name    size',
    body: ['orders     6', 'a lon…    11'],
  })
})

test('findings are broken between words, if a width is known', () => {
  const findings = findingsOf(snapshot())
  const lines = findingLines(findings, plain, 40)
  expect(lines.length).toBeGreaterThan(3)
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(40)
  const text = lines.map((line) => line.slice(2)).join(' ')
  expect(text).toBe(`${findings[0]!.text} ${findings[0]!.advice} pg_terminate_backend(1) ends its session.`)
})

test('in narrow windows the last column stays, as long as the others can shrink', () => {
  const locks = snapshot().locks.toSorted(byUrgency)
  for (const width of [92, 80, 72]) {
    const [head, first] = lockLines(locks, 10, plain, width)
    expect(head).toMatch(/ longest$/)
    expect(first).toMatch(/^42 .* {4}6\.0 s$/)
    expect(head!.length).toBeLessThanOrEqual(width)
  }
})

test('a name without a lock is looked for in other namespaces and kinds', () => {
  const name = { name: 'orders', namespace: 'shop' }
  const names = {
    nameOf: ({ id }: { id: string }) => (id === '1' ? name : null),
    semaphoreOf: ({ id }: { id: string }) =>
      id === '2' ? { semaphore: name, id: 's', part: 'slot' as const, number: 0, hash: 5 } : null,
  }
  const { locks } = snapshotOf(
    serverState({ locks: [held(key(1), 1), held(key(2), 1), held(key(42), 1), held(orders, 1)], names }),
  )
  expect(wantedLocks('orders', {}).elsewhere(locks)).toEqual([
    'there is a lock orders [shop]: --namespace shop',
    'there is a semaphore orders [shop]: --semaphore --namespace shop',
    'there is table orders: --table',
  ])
  expect(wantedLocks('42', {}).elsewhere(locks)).toEqual(['there is a lock 42: --raw'])
  expect(wantedLocks('invoices', {}).elsewhere(locks)).toEqual([])
})

test('extra columns are omitted before anything else is cut', () => {
  const columns = [
    { title: 'name', cell: (row: string) => row, widest: 10 },
    { title: 'kind', cell: () => 'text', isExtra: true },
    { title: 'mode', cell: () => 'rw', isExtra: true },
    { title: 'size', cell: (row: string) => String(row.length), isRight: true },
  ]
  const head = (width: number): string[] => tableLines(columns, ['a long name'], width).head.split(/ {2,}/)
  expect(head(28)).toEqual(['name', 'kind', 'mode', 'size'])
  expect(head(22)).toEqual(['name', 'mode', 'size'])
  expect(head(16)).toEqual(['name', 'size'])
  expect(tableLines(columns, ['a long name'], 14).body).toEqual(['a long …    11'])
  expect(tableLines([{ title: 'fixed', cell: () => 'fixed' }], [0], 3)).toEqual({
    head: 'fix',
    body: ['fix'],
  })
})

test('names that others choose cannot move the cursor', () => {
  const columns = [{ title: 'x', cell: (row: string) => row }]
  expect(tableLines(columns, ['a\u001b[2Jb\n'], 40).body).toEqual(['a�[2Jb�'])
})

test.each([
  ['a name', 'orders', {}, encodeKey('orders', '').bits, 'advisory'],
  ['a name in a namespace', 'orders', { namespace: 'shop' }, encodeKey('orders', 'shop').bits, 'advisory'],
  ['a raw key', '-42', { raw: true }, '-42', 'advisory'],
  ['a raw pair', '1,-2', { raw: true }, '1,-2', 'advisory'],
  ['a semaphore', 'pdf', { semaphore: true }, encodeSemaphore('pdf', 9, '').key.id, 'semaphore'],
] as const)('%s finds its lock and no other', (_, text, flags, id, kind) => {
  const [lock] = snapshot().locks
  const { isOne } = wantedLocks(text, flags)
  expect(isOne({ ...lock!, kind, id })).toBe(true)
  expect(isOne({ ...lock!, kind, id: `${id}0` })).toBe(false)
  expect(isOne({ ...lock!, kind: 'table', id })).toBe(false)
})

test.each([
  ['no number', 'orders', { raw: true }, /--raw/],
  ['an empty name', '', {}, /empty/],
  ['too large', '99999999999999999999', { raw: true }, /64-bit/],
  ['our own class', `${REGISTRATION_CLASS},1`, { raw: true }, /reserved for lockpool/],
  ['two kinds', 'x', { raw: true, table: true }, /exclude each other/],
] as const)('%s is a wrong command line', (_, text, flags, message) => {
  expect(() => wantedLocks(text, flags)).toThrow(UsageError)
  expect(() => wantedLocks(text, flags)).toThrow(message)
})

test('a typed name is recognized among the shown locks', () => {
  const book = new KeyNameBook([
    ...wantedLocks('orders', {}).names,
    ...wantedLocks('pdf', { semaphore: true }).names,
  ])
  const target = (id: string) => ({ kind: 'advisory', id, key: id, hash: 0 }) as const
  expect(book.nameOf(target(encodeKey('orders', '').id))).toEqual({ name: 'orders', namespace: '' })
  const { slot, shape } = encodeSemaphore('pdf', 12, '')
  expect(book.semaphoreOf(target(slot(11).id))).toMatchObject({ part: 'slot', number: 11 })
  expect(book.semaphoreOf(target(shape.id))).toMatchObject({ part: 'shape', number: 12 })
  expect(book.semaphoreOf(target('1'))).toBeNull()
})

test('a session with several permits is one holder', () => {
  const semaphore = { name: 'pdf', namespace: '' }
  const names = {
    nameOf: () => null,
    semaphoreOf: ({ id }: { id: string }) => ({
      semaphore,
      id: 's',
      part: 'slot' as const,
      number: Number(id),
      hash: 5,
    }),
  }
  const locks = [held(key(0), 1), held(key(1), 1), held(key(2), 2)]
  const { locks: found } = snapshotOf(
    serverState({ sessions: [serverSession(1), serverSession(2)], locks, names }),
  )
  expect(lockLines(found, 1, plain, Infinity)[1]).toMatch(
    /^pdf {3}semaphore {2}app 1 \(1\) and 1 more +exclusive/,
  )
})
