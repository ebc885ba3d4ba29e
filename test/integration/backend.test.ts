import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { LockPool, type LockPoolOptions } from '../../src/postgres-lock-pool.js'
import { createDatabase, type TestDatabase } from '../support/database.js'
import { rejection } from '../support/fake-world.js'

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

test.each([
  ['advisory', 'table'],
  ['table', 'advisory'],
] as const)(
  'where the first pool of a namespace has backend %s, one with %s is refused',
  async (first, second) => {
    const namespace = `${first} first`
    const lock = await pool({ backend: first, namespace }).acquire('orders')

    expect(await rejection(pool({ backend: second, namespace }).acquire('orders'))).toMatchObject({
      code: 'BACKEND_MISMATCH',
      retryable: false,
      message: expect.stringMatching(new RegExp(`process ${process.pid} on .* \\(lockpool test\\)`)),
    })
    await lock.release()
  },
)

test('the error has the whole command that moves the namespace', async () => {
  const namespace = "it's b"
  await pool({ backend: 'table', namespace }).ready()

  const { message } = await rejection(pool({ namespace }).ready())
  expect(message).toContain(
    String.raw`lockpool migrate-backend --to advisory --namespace 'it'\''s b' changes it`,
  )
})

test('also when nothing of the first is left, and not in another namespace', async () => {
  const first = pool({ backend: 'table', namespace: 'left' })
  await first.ready()
  await first.close()

  const second = pool({ namespace: 'left' })
  expect(await rejection(second.ready())).toMatchObject({ code: 'BACKEND_MISMATCH' })
  await pool({ namespace: 'right' }).ready()
})

test('a pool with rows that joins while its namespace is moved is refused, and leaves no member', async () => {
  await pool({ backend: 'table', namespace: 'left too' }).ready()
  await database.query(`
    CREATE FUNCTION public.move() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN UPDATE lockpool.backend SET backend = 'advisory' WHERE namespace = NEW.namespace; RETURN NEW; END $$;
    CREATE TRIGGER move BEFORE INSERT ON lockpool.member FOR EACH ROW EXECUTE FUNCTION public.move()`)
  try {
    const late = pool({ backend: 'table', namespace: 'late' })
    expect(await rejection(late.ready())).toMatchObject({ code: 'BACKEND_MISMATCH' })
    const { rows } = await database.query(`SELECT FROM lockpool.member WHERE namespace = 'late'`)
    expect(rows).toEqual([])
  } finally {
    await database.query('DROP FUNCTION public.move() CASCADE')
  }
})

test('without fencing as well', async () => {
  await pool({ backend: 'table', namespace: 'plain' }).ready()

  expect(await rejection(pool({ namespace: 'plain', fencing: 'off' }).ready())).toMatchObject({
    code: 'BACKEND_MISMATCH',
  })
})

test('if two start at the same moment in a database without lockpool, one is refused', async () => {
  for (let round = 0; round < 5; round++) {
    await using empty = await createDatabase()
    const both = (['advisory', 'table'] as const).map((backend) => pool({ connection: empty.url, backend }))
    const answers = await Promise.allSettled(both.map((each) => each.acquire('orders')))

    const refused = answers.filter(({ status }) => status === 'rejected')
    expect(refused).toHaveLength(1)
    expect(refused[0]).toMatchObject({ reason: { code: 'BACKEND_MISMATCH' } })
    await Promise.all(both.map((each) => each.close({ graceMs: 0 })))
  }
})

test('and in a database with its schema', async () => {
  for (let round = 0; round < 20; round++) {
    const namespace = `round ${round}`
    const both = (['advisory', 'table'] as const).map((backend) => pool({ backend, namespace }))
    const answers = await Promise.allSettled(both.map((each) => each.ready()))

    expect(answers.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    await Promise.all(both.map((each) => each.close()))
  }
})

test('a pool with rows refuses transaction locks, because they would exclude no holder', async () => {
  const locks = pool({ backend: 'table', namespace: 'rows' })

  expect(await rejection(locks.transaction((tx) => tx.lock('orders')))).toMatchObject({
    code: 'BACKEND_MISMATCH',
  })
  expect(() => locks.lockStatement('orders')).toThrow(/acquire/)
})

test('wrong backend options are refused at once', () => {
  expect(() => new LockPool({ backend: 'rows' as 'table' })).toThrow(/"backend" must be/)
  expect(() => new LockPool({ listenConnection: 'postgres://a/b' })).toThrow(/"listenConnection" is for/)
  expect(() => new LockPool({ backend: 'table', listenConnection: 5 as unknown as string })).toThrow(
    /listenConnection/,
  )
})
