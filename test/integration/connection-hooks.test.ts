import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { script } from '../support/command-line.js'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'

/** The hooks onConnect, verify, log and allowExitOnIdle, where they do more than in a pg.Pool, and where they fail. */
const world = lockWorld()

const greet = (client: { query(text: string): Promise<unknown> }): Promise<unknown> =>
  client.query(`SET work_mem = '7MB'; SET lockpool_test.greeted = 'yes'`)

const GREETED = `SELECT current_setting('work_mem') AS mem, current_setting('lockpool_test.greeted', true) AS greeted`

describe('a setting of onConnect', () => {
  test.each([
    ['settings', `SET work_mem = '9MB'; SET lockpool_test.greeted = 'no'`],
    ['a reset', 'RESET ALL'],
    ['an open transaction', `BEGIN; SET LOCAL work_mem = '9MB'`],
    ['a lock and settings', `SELECT pg_advisory_lock(1); SET search_path = nowhere`],
  ])('is in force for every borrower, also after one that has left %s', async (_, text) => {
    const { connections } = world.pool({ min: 0, max: 2, onConnect: greet })
    for (let i = 0; i < 2; i++) {
      expect((await connections.query(GREETED)).rows).toEqual([{ mem: '7MB', greeted: 'yes' }])
      await connections.query(text)
    }

    expect((await connections.query(GREETED)).rows).toEqual([{ mem: '7MB', greeted: 'yes' }])
    expect(connections.counts().opened).toBe(1)
  })

  test('is in force on a connection that was a lock session', async () => {
    const locks = world.pool({ min: 0, max: 2, idleTimeoutMs: 50, onConnect: greet })
    const lock = await locks.acquire('key')
    await lock.release()
    await expect.poll(() => locks.snapshot().sessions.length, { timeout: 5000 }).toBe(0)
    const [one, two] = await Promise.all([
      locks.connections.connect({ reserved: true }),
      locks.connections.connect({ reserved: true }),
    ])

    for (const client of [one, two]) {
      expect((await client.query(GREETED)).rows).toEqual([{ mem: '7MB', greeted: 'yes' }])
      client.release()
    }
  })

  test('does not disturb locks', async () => {
    const locks = world.pool({
      max: 2,
      onConnect: (client) => client.query(`SET statement_timeout = 1; SET search_path = nowhere`),
    })

    const lock = await locks.acquire('key')
    expect(typeof lock.token).toBe('bigint')
    await lock.release()
  })
})

describe('a hook', () => {
  test.each([
    ['that never settles', { onConnect: () => new Promise(() => undefined) }],
    ['that never calls back', { verify: () => undefined }],
  ])('%s ends the attempt when its time is up, and costs no connection', async (_, hooks) => {
    // An attempt to open a connection may take ten seconds, which is too long for a test. Closing the pool ends it as well.
    const locks = world.pool({ min: 0, max: 2, acquireTimeoutMs: 300, ...hooks })

    expect(await rejection(locks.connections.connect())).toMatchObject({
      code: 'LOCK_TIMEOUT',
      phase: 'connecting',
    })
    await locks.close({ graceMs: 0 })
    await expect.poll(() => world.sessions(), { timeout: 5000 }).toEqual([])
  })

  test.each([
    [
      'onConnect that leaves a transaction open',
      { onConnect: (client: any) => client.query('BEGIN') },
      /transaction/,
    ],
    [
      'verify that throws',
      {
        verify: () => {
          throw new Error('thrown')
        },
      },
      /thrown/,
    ],
    ['verify that rejects', { verify: () => Promise.reject(new Error('rejected')) as never }, /rejected/],
    [
      'verify that calls back twice',
      { verify: (_: unknown, done: (error?: Error) => void) => (done(new Error('first')), done()) },
      /first/,
    ],
    [
      'onConnect that ends its client',
      { onConnect: (client: any) => client.end() },
      /released|closed|terminated|ended/,
    ],
  ])('%s is refused in words', async (_, hooks, words) => {
    const { connections } = world.pool({ min: 0, max: 2, acquireTimeoutMs: 5000, ...(hooks as object) })

    expect(await rejection(connections.connect())).toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringMatching(words),
    })
    await expect.poll(() => world.sessions(), { timeout: 5000 }).toEqual([])
  })

  test('that keeps its client can do nothing with it later', async () => {
    let kept: pg.PoolClient | null = null
    const { connections } = world.pool({ min: 0, max: 2, onConnect: (client) => void (kept ??= client) })
    await connections.query('SELECT 1')

    expect(await rejection(kept!.query('SELECT 1'))).toMatchObject({ code: 'CONNECTION_FAILED' })
    kept!.release()
    await expect.poll(() => connections.counts(), { timeout: 5000 }).toMatchObject({ idle: 1, leased: 0 })
  })

  test.each(['onConnect', 'verify', 'log'])('%s that is no function is refused', (name) => {
    expect(() => world.pool({ [name]: 5 })).toThrowError(
      expect.objectContaining({ problems: [`"${name}" must be a function, got 5`] }),
    )
  })
})

describe('allowExitOnIdle', () => {
  const program = (options: string, then: string): string =>
    `import { LockPool } from 'lockpool'
     const locks = new LockPool({ connection: process.env.TEST_DATABASE, applicationName: 'lockpool test', ${options} })
     await locks.connections.query('SELECT 1')
     ${then}
     console.log('done')`
  const env = (): Record<string, string> => ({ TEST_DATABASE: world.database.url })

  test.each([
    ['connections', ''],
    ['lock sessions that hold nothing', `await locks.withLock('key', () => undefined)`],
    ['the min of them', `await locks.ready()`],
  ])('a process with nothing but idle %s ends', async (_, then) => {
    const it = script(program('allowExitOnIdle: true, min: 2', then), env())

    expect(await it.ended, it.err).toBe(0)
    expect(it.out.toString()).toBe('done\n')
  })

  test('a process that holds a lock continues, and so does one without the option', async () => {
    const holding = script(program('allowExitOnIdle: true', `await locks.acquire('key')`), env())
    const usual = script(program('', ''), env())
    const ends = [holding, usual].map((it) => it.ended)
    await expect
      .poll(() => [holding, usual].map((it) => it.out.toString()), { timeout: 20_000 })
      .toEqual(['done\n', 'done\n'])
    const isOver = await Promise.race([
      ...ends,
      new Promise((resolve) => setTimeout(resolve, 3000, 'neither')),
    ])

    expect(isOver).toBe('neither')
    holding.process.kill()
    usual.process.kill()
    await Promise.all(ends)
  })
})
