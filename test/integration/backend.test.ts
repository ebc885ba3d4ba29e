import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { LockPool, type LockPoolOptions } from '../../src/postgres-lock-pool.js'
import { createDatabase, type TestDatabase } from '../support/database.js'
import { lockpool } from '../support/command-line.js'
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

test('also when nothing of the first is left, and not in another namespace', async () => {
  const first = pool({ backend: 'table', namespace: 'left' })
  await first.ready()
  await first.close()

  const second = pool({ namespace: 'left' })
  expect(await rejection(second.ready())).toMatchObject({ code: 'BACKEND_MISMATCH' })
  await pool({ namespace: 'right' }).ready()
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

test('a namespace is moved when no pool uses it, and tokens continue above all earlier ones', async () => {
  await using other = await createDatabase()
  const on = (backend: 'advisory' | 'table'): LockPool =>
    pool({ connection: other.url, backend, leaseMs: 1000 })
  const move = (to: string, ...more: string[]): ReturnType<typeof lockpool> =>
    lockpool(['migrate-backend', '--to', to, '--url', other.url, ...more])
  let last = 0n
  const lockOnce = async (backend: 'advisory' | 'table'): Promise<void> => {
    const locks = on(backend)
    for (let i = 0; i < 5; i++) {
      const lock = await locks.acquire('orders')
      expect(lock.token).toBeGreaterThan(last)
      last = lock.token
      await lock.release()
    }
    await locks.close()
  }
  await lockOnce('advisory')
  const user = on('advisory')
  const lock = await user.acquire('orders')
  const refused = move('table', '--timeout', '1s')
  expect(await refused.ended, refused.err).toBe(75)
  expect(refused.err).toMatch(/lockpool test/)
  await lock.release()
  await user.close()

  const there = move('table', '--json')
  expect(await there.ended, there.err).toBe(0)
  expect(JSON.parse(there.out.toString())).toEqual({
    version: 1,
    namespace: '',
    from: 'advisory',
    to: 'table',
  })
  expect(await rejection(on('advisory').ready())).toMatchObject({ code: 'BACKEND_MISMATCH' })
  await lockOnce('table')

  const back = move('advisory')
  expect(await back.ended, back.err).toBe(0)
  await lockOnce('advisory')
})

test('no pool starts while a namespace is moved', async () => {
  await database.query(
    `INSERT INTO lockpool.backend (namespace, backend, used_by) VALUES ('moved', 'moving', 'somebody')`,
  )
  for (const backend of ['advisory', 'table'] as const) {
    expect(await rejection(pool({ backend, namespace: 'moved' }).ready())).toMatchObject({
      code: 'BACKEND_MISMATCH',
      retryable: true,
      message: expect.stringMatching(/somebody/),
    })
  }
})
