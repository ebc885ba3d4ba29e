import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { MOVE_CLASS } from '../../src/dialect/postgres/keys/key.js'
import { LockPool, type LockPoolOptions } from '../../src/postgres-lock-pool.js'
import { createDatabase, type TestDatabase } from '../support/database.js'
import { lockpool, type Started } from '../support/command-line.js'
import { rejection } from '../support/fake-world.js'
import { hasPgBouncer, PgBouncer } from '../support/pgbouncer.js'

let database: TestDatabase
const pools: LockPool[] = []

beforeAll(async () => {
  database = await createDatabase()
})

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close({ graceMs: 0 })))
})

afterAll(() => database.drop())

function pool(options: LockPoolOptions): LockPool {
  const made = new LockPool({ connection: database.url, applicationName: 'lockpool test', ...options })
  pools.push(made)
  return made
}

function move(to: string, namespace: string, ...more: string[]): Started {
  const where = namespace === '' ? [] : ['--namespace', namespace]
  return lockpool(['migrate-backend', '--to', to, ...where, ...more], { url: database.url })
}

async function record(namespace: string): Promise<string | undefined> {
  const { rows } = await database.query<{ backend: string }>(
    'SELECT backend FROM lockpool.backend WHERE namespace = $1',
    [namespace],
  )
  return rows[0]?.backend
}

/** A namespace whose locks a pool of this process keeps with rows, and a move that waits for it. */
async function waitingMove(namespace: string): Promise<{ user: LockPool; started: Started }> {
  const user = pool({ backend: 'table', namespace })
  await user.ready()
  const started = move('advisory', namespace)
  await expect.poll(() => record(namespace), { timeout: 30_000 }).toBe('moving from table')
  return { user, started }
}

test('a namespace is moved when no pool uses it, and tokens continue above all earlier ones', async () => {
  let last = 0n
  const lockOnce = async (backend: 'advisory' | 'table'): Promise<void> => {
    const locks = pool({ backend, leaseMs: 1000 })
    for (let i = 0; i < 5; i++) {
      const lock = await locks.acquire('orders')
      expect(lock.token).toBeGreaterThan(last)
      last = lock.token
      await lock.release()
    }
    await locks.close()
  }
  await lockOnce('advisory')
  const user = pool({ leaseMs: 1000 })
  const lock = await user.acquire('orders')
  const refused = move('table', '', '--timeout', '1s')
  expect(await refused.ended, refused.err).toBe(75)
  expect(refused.err).toMatch(/lockpool test/)
  await lock.release()
  await user.close()

  const there = move('table', '', '--json')
  expect(await there.ended, there.err).toBe(0)
  expect(JSON.parse(there.out.toString())).toEqual({
    version: 1,
    namespace: '',
    from: 'advisory',
    to: 'table',
  })
  expect(await rejection(pool({}).ready())).toMatchObject({ code: 'BACKEND_MISMATCH' })
  await lockOnce('table')

  const back = move('advisory', '')
  expect(await back.ended, back.err).toBe(0)
  await lockOnce('advisory')
})

test('a member that is frozen does not prevent it, once its lease is over, and is declared dead', async () => {
  await pool({ backend: 'table', namespace: 'gone' }).ready()
  await database.query(
    `INSERT INTO lockpool.member (id, floor, lease_ms, namespace, name) VALUES (7, 0, 1000, 'gone', 'a frozen one')`,
  )
  await Promise.all(pools.splice(0).map((each) => each.close()))

  const moved = move('advisory', 'gone')
  expect(await moved.ended, moved.err).toBe(0)
  const { rows } = await database.query<{ dead: boolean }>('SELECT dead FROM lockpool.member WHERE id = 7')
  expect(rows.every(({ dead }) => dead)).toBe(true)
})

test('no pool starts while a namespace is moved, and both kinds hear by whom', async () => {
  const { started } = await waitingMove('busy')
  for (const backend of ['advisory', 'table'] as const) {
    expect(await rejection(pool({ backend, namespace: 'busy' }).ready())).toMatchObject({
      code: 'BACKEND_MISMATCH',
      retryable: true,
      message: expect.stringMatching(/being moved .* by lockpool migrate-backend, process \d+ on /),
    })
  }
  await started.abandon()
})

test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)(
  '%s ends a move that waits, and the old backend goes on',
  async (signal) => {
    const namespace = `by ${signal}`
    const { started } = await waitingMove(namespace)
    const user = async (): Promise<string> =>
      (
        await database.query<{ used_by: string }>(
          `SELECT used_by FROM lockpool.backend WHERE namespace = $1`,
          [namespace],
        )
      ).rows[0]!.used_by
    started.kill(signal)

    expect(await started.ended).toBe(signal)
    expect(started.err).toBe(`lockpool: nothing was changed, ended by ${signal}\n`)
    expect(await record(namespace)).toBe('table')
    expect(await user()).toMatch(/lockpool test/)
    await pool({ backend: 'table', namespace }).ready()
  },
)

test('a signal before any pool has used the namespace leaves no record', async () => {
  // A session of another namespace is in the way of a move from session locks.
  await pool({ namespace: 'other' }).ready()
  const started = move('table', 'unused')
  await expect.poll(() => record('unused'), { timeout: 30_000 }).toBe('moving from none')
  started.kill('SIGTERM')

  expect(await started.ended).toBe('SIGTERM')
  expect(await record('unused')).toBeUndefined()
})

test.each([
  ['table', /./],
  ['advisory', /kept with backend "table"/],
] as const)('after a move was killed, a pool with %s finds the old backend', async (backend, message) => {
  const namespace = `killed, ${backend}`
  const { started } = await waitingMove(namespace)
  await started.abandon()
  const ready = (): Promise<unknown> =>
    pool({ backend, namespace })
      .ready()
      .then(
        () => 'ready',
        (error: Error) => error.message,
      )

  // The server notices within moments that the client is gone.
  await expect.poll(ready, { timeout: 30_000 }).not.toMatch(/being moved/)
  expect(await ready()).toMatch(message)
  expect(await record(namespace)).toBe('table')
})

test('and the next move continues', async () => {
  const { started, user } = await waitingMove('again')
  await started.abandon()
  await user.close()
  const again = async (): Promise<unknown> => move('advisory', 'again').ended

  await expect.poll(again, { timeout: 30_000 }).toBe(0)
  expect(await record('again')).toBe('advisory')
})

test('a move that loses its connection puts the old backend back on another one', async () => {
  const { started } = await waitingMove('lost')
  await database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lockpool migrate-backend'`,
  )

  expect(await started.ended).toBe(69)
  expect(await record('lost')).toBe('table')
})

test('a move that waits keeps no lock on a table, so that DDL and heartbeats do not wait for it', async () => {
  const { started } = await waitingMove('locks')
  const locked = async (): Promise<unknown[]> =>
    (
      await database.query(
        `SELECT relation::regclass::text FROM pg_locks JOIN pg_stat_activity USING (pid)
         WHERE application_name = 'lockpool migrate-backend' AND relation::regclass::text LIKE 'lockpool.%'`,
      )
    ).rows

  await expect.poll(locked).toEqual([])
  expect(await lockpool(['install', '--backend', 'table'], { url: database.url }).ended).toBe(0)
  await started.abandon()
})

test('a second move is refused while the first one waits, whichever way it goes', async () => {
  const { user, started } = await waitingMove('two')
  for (const to of ['table', 'advisory']) {
    const second = move(to, 'two')
    expect(await second.ended).toBe(75)
    expect(second.err).toMatch(
      /nothing was changed, .*lockpool migrate-backend, process \d+ on .*, which moves/,
    )
  }
  await user.close()

  expect(await started.ended, started.err).toBe(0)
  expect(await record('two')).toBe('advisory')
})

test('any session that holds the lock of moves keeps a namespace from being moved, and from nothing else', async () => {
  await pool({ backend: 'table', namespace: 'held' }).ready()
  const stranger = new pg.Client({ connectionString: database.url })
  await stranger.connect()
  try {
    await stranger.query(`SELECT pg_advisory_lock($1, hashtext('held'))`, [MOVE_CLASS])
    const refused = move('advisory', 'held')

    expect(await refused.ended).toBe(75)
    expect(refused.err).toMatch(/another session, which holds the lock/)
    await pool({ backend: 'table', namespace: 'held' }).ready()
  } finally {
    await stranger.end()
  }
})

test('a move whose record was changed by another process fails, and does not say that it has moved', async () => {
  const { user, started } = await waitingMove('stolen')
  await database.query(
    `UPDATE lockpool.backend SET backend = 'table', used_by = 'a person' WHERE namespace = 'stolen'`,
  )
  await user.close()

  expect(await started.ended).not.toBe(0)
  expect(started.out.toString()).toBe('')
  expect(started.err).toMatch(/changed by another process/)
  expect(await record('stolen')).toBe('table')
})

test('a namespace with engine "distributed" is not moved: a move would not see its users', async () => {
  await pool({ backend: 'table', engine: 'distributed', namespace: 'far' }).ready()
  const refused = move('table', 'far')

  expect(await refused.ended).toBe(78)
  expect(refused.err).toMatch(/engine "distributed", which cannot be moved/)
  expect(await record('far')).toBe('distributed')
})

test('a move to the backend that is in use changes nothing', async () => {
  await pool({ backend: 'table', namespace: 'same' }).ready()
  const same = move('table', 'same', '--json')

  expect(await same.ended, same.err).toBe(0)
  expect(JSON.parse(same.out.toString())).toMatchObject({ from: 'table', to: 'table' })
})

test.skipIf(!hasPgBouncer)('it works through a pooler in transaction mode with one connection', async () => {
  await using bouncer = await PgBouncer.to(database.url, { pool_mode: 'transaction', default_pool_size: 1 })
  await pool({ backend: 'table', namespace: 'pooled' }).close()
  const moved = lockpool(['migrate-backend', '--to', 'advisory', '--namespace', 'pooled'], {
    url: bouncer.url,
  })

  expect(await moved.ended, moved.err).toBe(0)
  expect(await record('pooled')).toBe('advisory')
})
