/** Locks in rows of distributed SQL (`engine: 'distributed'`), on PostgreSQL with serializable transactions. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { LockPool, type LockPoolOptions } from '../../src/postgres-lock-pool.js'
import { createDatabase, type TestDatabase } from '../support/database.js'
import { rejection } from '../support/fake-world.js'
import { offencesIn } from '../support/documented-sql.js'
import { SentStatements } from '../support/sent-statements.js'

const APPLICATION = 'lockpool test'

let database: TestDatabase
const pools: LockPool[] = []

beforeAll(async () => {
  database = await createDatabase()
  const name = new URL(database.url).pathname.slice(1)
  await database.query(`ALTER DATABASE ${name} SET default_transaction_isolation = 'serializable'`)
})

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close({ graceMs: 0 })))
})

afterAll(async () => {
  await database.drop()
})

function pool(options: LockPoolOptions = {}): LockPool {
  const made = new LockPool({
    connection: database.url,
    applicationName: APPLICATION,
    backend: 'table',
    engine: 'distributed',
    ...options,
  })
  pools.push(made)
  return made
}

/** The rows that name a member, and the members. */
async function leftovers(): Promise<number> {
  const { rows } = await database.query<{ n: number }>(
    `SELECT ((SELECT count(*) FROM lockpool.dist_lease WHERE owner <> 0 OR readers <> '' OR waiters <> '')
       + (SELECT count(*) FROM lockpool.dist_member) + (SELECT count(*) FROM lockpool.dist_gate))::int AS n`,
  )
  return rows[0]!.n
}

/** Takes locks on few keys from all pools at once, and checks that no two callers hold one, and that tokens grow. */
async function contend(all: readonly LockPool[], rounds: number, keys: number): Promise<number> {
  const inside = new Map<string, number>()
  const last = new Map<string, bigint>()
  let grants = 0
  const caller = async (locks: LockPool, n: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      const key = `hot ${(n + round) % keys}`
      await locks.withLock(key, async ({ token }) => {
        expect(inside.get(key) ?? 0, 'holders').toBe(0)
        inside.set(key, 1)
        expect(token, 'a greater token').toBeGreaterThan(last.get(key) ?? 0n)
        last.set(key, token)
        await new Promise((resolve) => setTimeout(resolve, 1))
        inside.set(key, 0)
        grants++
      })
    }
  }
  await Promise.all(all.flatMap((locks) => Array.from({ length: 4 }, (_, n) => caller(locks, n))))
  return grants
}

test('pools that contend for few keys exclude each other, and leave nothing', async () => {
  const all = [pool(), pool(), pool()]

  expect(await contend(all, 10, 3)).toBe(120)
  const semaphore = all.map((locks) => locks.semaphore('few', 2))
  let used = 0
  await Promise.all(
    semaphore.flatMap((each) =>
      Array.from({ length: 5 }, () =>
        each.withPermit(async () => {
          expect(++used).toBeLessThanOrEqual(2)
          await new Promise((resolve) => setTimeout(resolve, 1))
          used--
        }),
      ),
    ),
  )
  await Promise.all(all.map((each) => each.close()))
  expect(await leftovers()).toBe(0)
})

test('so they do while the server undoes a third of all writes', async () => {
  const first = pool()
  await first.ready()
  await database.query('CREATE SEQUENCE undone')
  // A sequence counts on although the transaction is undone.
  await database.query(`
    CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF random() < 0.3 AND nextval('public.undone') > 0 THEN RAISE EXCEPTION 'forced' USING ERRCODE = '40001'; END IF;
      RETURN coalesce(NEW, OLD);
    END $$`)
  for (const table of ['dist_lease', 'dist_gate', 'dist_member'])
    await database.query(
      `CREATE TRIGGER undo BEFORE INSERT OR UPDATE OR DELETE ON lockpool.${table} FOR EACH ROW EXECUTE FUNCTION undo()`,
    )
  const all = [first, pool(), pool()]
  const names = Array.from({ length: 40 }, (_, i) => `many ${i}`)

  expect(await contend(all, 6, 3)).toBe(72)
  await (await first.acquireAll(names)).release()
  await Promise.all(all.map((each) => each.close()))
  const { rows } = await database.query<{ n: number }>(`SELECT last_value::int AS n FROM undone`)
  expect(rows[0]!.n, 'transactions that were undone').toBeGreaterThan(15)
  await database.query('DROP FUNCTION undo CASCADE')
  expect(await leftovers()).toBe(0)
})

test('and while their connections break', async () => {
  const all = [pool(), pool()]
  await Promise.all(all.map((each) => each.ready()))
  const timer = setInterval(() => {
    void database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database() ORDER BY random() LIMIT 1`,
      [APPLICATION],
    )
  }, 40)

  const grants = await contend(all, 8, 3).finally(() => clearInterval(timer))
  expect(grants).toBe(64)
  await Promise.all(all.map((each) => each.close()))
  expect(await leftovers()).toBe(0)
})

test.each([
  [{ engine: 'postgres' }, { engine: 'distributed' }],
  [{ engine: 'distributed' }, { engine: 'postgres' }],
  [{ engine: 'distributed' }, { backend: 'advisory', engine: undefined }],
  [{ backend: 'advisory', engine: undefined }, { engine: 'distributed' }],
] as [LockPoolOptions, LockPoolOptions][])(
  'where the first pool of a namespace has %j, one with %j is refused',
  async (first, second) => {
    const namespace = JSON.stringify([first, second])
    await pool({ namespace, ...first }).ready()

    expect(await rejection(pool({ namespace, ...second }).ready())).toMatchObject({
      code: 'BACKEND_MISMATCH',
      retryable: false,
    })
  },
)

test('a member that is declared dead loses its lock to another pool', async () => {
  const first = pool({ leaseMs: 1000 })
  const second = pool({ leaseMs: 1000 })
  await second.ready()
  const lock = await first.acquire('orders')
  const { sessions } = first.snapshot()
  await database.query('UPDATE lockpool.dist_member SET dead = true WHERE id = $1', [sessions[0]!.serverId])

  const next = await second.acquire('orders', { timeoutMs: 10_000 })
  expect(next.token).toBeGreaterThan(lock.token)
  // As an administrator has ended it, it learns that only with its next heartbeat.
  await expect.poll(() => lock.state, { timeout: 5000 }).toBe('lost')
  await next.release()
})

test('an elected leader is named', async () => {
  const locks = pool()
  const campaign = locks.campaign('leader', { name: 'me' })
  await expect.poll(async () => (await locks.leader('leader'))?.name).toBe('me')
  await campaign.resign()
})

/** All that a program does with a pool, from its first connection on. */
async function wholeLife(): Promise<void> {
  const [first, second] = [pool(), pool()]
  const lock = await first.acquire('orders')
  const next = second.acquire('orders')
  await new Promise((resolve) => setTimeout(resolve, 50))
  await lock.release()
  await next.then((each) => each.release())
  await first.withLock('read', { mode: 'shared' }, () =>
    second.withLock('read', { mode: 'shared' }, async () => undefined),
  )
  const names = Array.from({ length: 50 }, (_, i) => `name ${i}`)
  await (await first.acquireAll(names)).release()
  await first.semaphore('few', 2).withPermit(async () => undefined)
  const guarded = await first.acquire('guarded')
  const [seen] = await second.inspect()
  expect(seen?.holders).toMatchObject([{ mode: 'exclusive', session: { application: 'lockpool test' } }])
  await first.transaction(async (tx) => guarded.guard(tx, 'stock'))
  await guarded.release()
  const campaign = first.campaign('leader')
  await expect.poll(async () => (await second.leader('leader')) !== null).toBe(true)
  await campaign.resign()
  await Promise.all([first.close(), second.close()])
}

test('nothing that such a pool sends leaves the SQL that the three engines document', async () => {
  using sent = new SentStatements()
  await wholeLife()

  expect(sent.texts.size).toBeGreaterThan(25)
  const wrong = [...sent.texts].flatMap(offencesIn)
  // After a borrower. Aurora DSQL does not document it, so there the connection is closed instead.
  expect(wrong).toEqual([expect.stringMatching(/^Aurora DSQL: .* in DISCARD ALL$/)])
})
