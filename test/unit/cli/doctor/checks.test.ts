import { expect, test } from 'vitest'
import { examine, explainUnreachable } from '../../../../src/cli/doctor/checks.js'
import type { Check } from '../../../../src/cli/doctor/verdict.js'
import { shareRules } from '../../../../src/lock/share-plan.js'
import type { DoctorFacts, ServerRow } from '../../../../src/cli/doctor/doctor-facts.js'

const SERVER: ServerRow = {
  pid: 7,
  product: 'PostgreSQL 18.1 on x86_64-pc-linux-gnu, compiled by gcc',
  version_number: 180_001,
  is_standby: false,
  role: 'app',
  database: 'app',
  at: '1970-01-01T00:00:00.000000Z',
  locks_per_transaction: 256,
  max_connections: 97,
  connections: 5,
  role_limit: -1,
  role_connections: 2,
  may_terminate: true,
  may_see_all: true,
  has_schema: true,
  may_draw_tokens: true,
  may_create_schema: false,
  may_name_keys: true,
  may_report: true,
  may_read_secret: true,
  is_secret_public: false,
  may_read_backends: true,
  is_encrypted: true,
  settings: { idle_in_transaction_session_timeout: 60_000, tcp_keepalives_idle: 60 },
}

const HEALTHY: DoctorFacts = {
  source: 'LOCKPOOL_URL',
  address: { host: 'db', port: 5432, isLocal: false },
  server: SERVER,
  announcedPid: 7,
  lockTable: { used: 10, capacity: 25_600 },
  roundTripMs: 0.5,
  clockOffsetMs: -20,
  notificationMs: 1,
  lockSession: { isUsable: true, lockMs: 20 },
}

function complaints(facts: Partial<DoctorFacts>, server: Partial<ServerRow> = {}): string[] {
  const checks = examine({ ...HEALTHY, ...facts, server: { ...SERVER, ...server } })
  return checks.filter(({ status }) => status !== 'ok').map(({ name, status }) => `${name}: ${status}`)
}

const NO_LOCK = { isUsable: false, code: 'POOLER_DETECTED', message: 'a pooler' } as const

test('a good server gets no findings and no advice', () => {
  const checks = examine(HEALTHY)
  expect(checks.filter(({ status, advice }) => status !== 'ok' || advice !== null)).toEqual([])
  expect(checks.length).toBeGreaterThan(15)
})

test.each<[string, Partial<DoctorFacts>, Partial<ServerRow>, string[]]>([
  ['another product', {}, { product: 'CockroachDB CCL v23' }, ['server: failure']],
  [
    'PGlite',
    {},
    { product: 'PostgreSQL 17.4 on x86_64, compiled by emcc (Emscripten)' },
    ['server: failure'],
  ],
  ['an old one', {}, { version_number: 130_010 }, ['server: failure']],
  ['a standby', {}, { is_standby: true }, ['primary: failure']],
  [
    'a snapshot that has been open for long',
    { oldSnapshot: { pid: 9, application: 'pg_dump', openMs: 90_000, transactions: 40_000 } },
    {},
    ['snapshots: warning'],
  ],
  [
    'a snapshot that costs nothing',
    { oldSnapshot: { pid: 9, application: 'psql', openMs: 90_000, transactions: 3 } },
    {},
    [],
  ],
  ['session pooling', { announcedPid: 8 }, {}, ['pooler: warning']],
  [
    'transaction pooling',
    { announcedPid: 8, lockSession: NO_LOCK },
    {},
    ['pooler: failure', 'locks: failure'],
  ],
  ['no tokens', {}, { may_draw_tokens: false }, ['tokens: warning']],
  ['nothing installed yet', {}, { may_draw_tokens: false, has_schema: false, may_create_schema: true }, []],
  ['a role that knows no secret', {}, { may_read_secret: false }, ['messages: warning']],
  ['a secret that everybody may read', {}, { is_secret_public: true }, ['messages: warning']],
  ['a table that fills up', { lockTable: { used: 13_000, capacity: 25_600 } }, {}, ['lock table: warning']],
  ['a full table', { lockTable: { used: 24_000, capacity: 25_600 } }, {}, ['lock table: failure']],
  ['a small table', { lockTable: { used: 1, capacity: 6400 } }, {}, ['lock table: warning']],
  ['few connections', {}, { connections: 90 }, ['connections: warning']],
  ['none', {}, { connections: 97 }, ['connections: failure']],
  ['a limit of the role', {}, { role_limit: 2 }, ['connections: failure']],
  ['transactions without end', {}, { settings: { tcp_keepalives_idle: 60 } }, ['idle transactions: warning']],
  [
    'hasty statements',
    {},
    { settings: { ...SERVER.settings, statement_timeout: 500 } },
    ['statements: warning'],
  ],
  ['no TLS', {}, { is_encrypted: false }, ['encryption: warning']],
  ['no TLS at home', { address: { host: '127.0.0.1', port: 1, isLocal: true } }, { is_encrypted: false }, []],
  ['another time', { clockOffsetMs: -5000 }, {}, ['clock: warning']],
  ['far away', { roundTripMs: 80 }, {}, ['round trip: warning']],
  ['deaf', { notificationMs: null }, {}, ['notifications: warning']],
  ['slow of hearing', { notificationMs: 900 }, {}, ['notifications: warning']],
])('%s', (_, facts, server, expected) => {
  expect(complaints(facts, server)).toEqual(expected)
})

test('the reported capacity follows the rules of the pools', () => {
  const server = { ...SERVER, locks_per_transaction: 64 }
  const checks = examine({ ...HEALTHY, server, lockTable: { used: 1, capacity: 6400 } })
  const { together, alone } = shareRules({ capacity: 6400, perSession: 64 })

  const check = checks.find(({ name }) => name === 'lock table')!
  expect(check.text).toContain(
    `room for ${together} locks of all pools together, or ${alone} of a single pool`,
  )
  expect(check.advice).toContain('max_locks_per_transaction (64)')
})

test('every problem comes with advice', () => {
  const bad = examine({
    ...HEALTHY,
    announcedPid: 8,
    lockSession: NO_LOCK,
    notificationMs: null,
    lockTable: { used: 9, capacity: 10 },
    server: {
      ...SERVER,
      is_standby: true,
      is_encrypted: false,
      connections: 97,
      may_draw_tokens: false,
      settings: {},
    },
  })
  const wrong = bad.filter(({ status }) => status !== 'ok')
  expect(wrong.length).toBeGreaterThan(7)
  expect(wrong.filter(({ advice }) => advice === null)).toEqual([])
})

test('an unreachable server is explained by its error, and by the source of its address', () => {
  const { status, text, advice }: Check = explainUnreachable(
    '28P01',
    'password authentication failed',
    '--url',
  )
  expect({ status, text }).toEqual({
    status: 'failure',
    text: 'password authentication failed (the address is from --url)',
  })
  expect(advice).toContain('PGPASSWORD')
  expect(explainUnreachable(undefined, 'odd', '--url').advice).not.toBeNull()
})

const RECORD = { namespace: '', backend: 'advisory', used_by: 'process 7', since: 'today', is_alive: false }

test.each([
  ['no record', [], 'ok', /the first pool decides/, null],
  ['session locks', [RECORD], 'ok', /backend "advisory" keeps the locks, by process 7/, null],
  ['rows', [{ ...RECORD, backend: 'table' }], 'warning', /backend "table"/, /run --backend table/],
  [
    'the other engine',
    [{ ...RECORD, backend: 'distributed' }],
    'warning',
    /"distributed" keeps/,
    /same engine/,
  ],
  [
    'a move',
    [{ ...RECORD, backend: 'moving from advisory', is_alive: true }],
    'warning',
    /is being moved .* by process 7/,
    /: lockpool migrate-backend --to table --url postgres:\/\/app@db:5432\/app$/,
  ],
  [
    'a move that was broken off',
    [RECORD, { ...RECORD, namespace: "it's", backend: 'moving from table' }],
    'warning',
    /a move of namespace "it's" .* was broken off: process 7/,
    /: lockpool migrate-backend --to advisory --namespace 'it'\\''s' --url postgres:\/\/app@db:5432\/app$/,
  ],
] as const)('the backend of the default namespace, and moves: %s', (_, backends, status, text, advice) => {
  const check = examine({ ...HEALTHY, source: '--url', backends }).find(({ name }) => name === 'backend')!
  expect(check).toMatchObject({ status, text: expect.stringMatching(text) })
  if (advice === null) expect(check.advice).toBeNull()
  else expect(check.advice).toMatch(advice)
})

test('a role without rights gets the whole command for the owner, and every failure of a pooler names the backend "table"', () => {
  const checks = examine({
    ...HEALTHY,
    announcedPid: 8,
    lockSession: NO_LOCK,
    server: { ...SERVER, may_draw_tokens: false, role: 'my app' },
  })
  const advice = (wanted: string): string | null => checks.find(({ name }) => name === wanted)!.advice
  expect(advice('tokens')).toContain("lockpool install --role 'my app' --url postgres://OWNER@db:5432/app.")
  expect(advice('pooler')).toMatch(/backend: 'table'/)
})
