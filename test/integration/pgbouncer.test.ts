import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { lockWorld, lossOf } from '../support/lock-world.js'
import { rejection } from '../support/fake-world.js'
import { makeNoise } from '../support/noise.js'
import { PgBouncer, hasPgBouncer } from '../support/pgbouncer.js'

/** Repeats the tests of the small pooler in test/support with a real PgBouncer, if it is installed. */
describe.skipIf(!hasPgBouncer)('behind PgBouncer', () => {
  const world = lockWorld()

  test.each([
    ['transaction', {}, 0],
    ['transaction', {}, 4],
    ['transaction', { server_round_robin: 1, min_pool_size: 5 }, 0],
    ['transaction', { server_round_robin: 1, min_pool_size: 5 }, 4],
    ['transaction', { default_pool_size: 1 }, 0],
    ['statement', {}, 0],
  ] as const)('%s pooling is refused: %j with %i others', async (pool_mode, settings, noise) => {
    await using bouncer = await PgBouncer.to(world.database.url, { pool_mode, ...settings })
    const stop = await makeNoise(bouncer.url, noise)
    for (let attempt = 0; attempt < 3; attempt++) {
      const locks = world.pool({ connection: bouncer.url })
      expect(await rejection(locks.ready())).toMatchObject({ code: 'POOLER_DETECTED', retryable: false })
      await locks.close()
    }
    await stop()
  })

  test('session pooling works, and excludes sessions that are connected to the server directly', async () => {
    await using bouncer = await PgBouncer.to(world.database.url, { pool_mode: 'session' })
    const [a, b] = [world.pool({ connection: bouncer.url, leaseMs: 1000 }), world.pool()]

    const held = await Promise.all(['a', 'b', 'c'].map((key) => a.acquire(key)))
    expect(await b.tryAcquire('a')).toBeNull()
    const waiting = b.acquire('a')
    await new Promise((resolve) => setTimeout(resolve, 1500))

    expect(held.map((lock) => lock.state)).toEqual(['held', 'held', 'held'])
    await held[0]!.release()
    expect((await waiting).token).toBeGreaterThan(held[0]!.token)
    await a.close({ graceMs: 0 })
  })

  test('the pooler refuses a startup setting, and the error names the pooler as the cause', async () => {
    await using bouncer = await PgBouncer.to(world.database.url, { pool_mode: 'session' })
    const locks = world.pool({ connection: { connectionString: bouncer.url, statement_timeout: 5000 } })

    expect(await rejection(locks.ready())).toMatchObject({
      code: 'POOLER_DETECTED',
      message: expect.stringMatching(
        /statement_timeout.*startup parameter|startup parameter.*statement_timeout/,
      ),
    })
    await locks.close()
  })

  test('with room for one server connection, the error is about the wait for the second', async () => {
    await using bouncer = await PgBouncer.to(world.database.url, {
      pool_mode: 'session',
      default_pool_size: 1,
    })
    const locks = world.pool({ connection: bouncer.url })

    expect(await rejection(locks.ready())).toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringMatching(/second connection/),
    })
    await locks.close({ graceMs: 0 })
  })

  test.each([
    ['killed', 'SIGKILL', 700],
    ['stopped', 'SIGSTOP', 4000],
  ] as const)('the locks of a process that is %s are freed by the server', async (_, signal, withinMs) => {
    await using bouncer = await PgBouncer.to(world.database.url, { pool_mode: 'session' })
    const child = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { LockPool } from 'lockpool'
         const locks = new LockPool({ connection: ${JSON.stringify(bouncer.url)}, leaseMs: 1000 })
         await locks.acquire('orders')
         console.log('held')
         setInterval(() => undefined, 1000)`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const exited = once(child, 'exit')
    await once(child.stdout, 'data')
    expect(await world.locks()).toHaveLength(1)

    child.kill(signal)
    await expect.poll(() => world.locks(), { timeout: withinMs + 2000, interval: 20 }).toEqual([])

    child.kill('SIGKILL')
    await exited
  })

  test('when a pooler changes to transaction mode, held locks are lost and no more are granted', async () => {
    const settings = { default_pool_size: 20, server_round_robin: 1, min_pool_size: 5 }
    await using bouncer = await PgBouncer.to(world.database.url, { pool_mode: 'session', ...settings })
    const locks = world.pool({ connection: bouncer.url, leaseMs: 1500 })
    const lock = await locks.acquire('orders')
    const lost = lossOf(lock)

    await bouncer.configure({ pool_mode: 'transaction', ...settings })
    bouncer.reload()
    const stop = await makeNoise(bouncer.url, 4)
    await lost
    await stop()

    expect(lock.state).toBe('lost')
    expect(await rejection(locks.acquire('orders', { timeoutMs: 5000 }))).toMatchObject({
      code: 'POOLER_DETECTED',
    })
    await locks.close({ graceMs: 0 })
  })

  test('our own PgBouncer is one, also if it is restarted twice at once', async () => {
    await using bouncer = await PgBouncer.to(world.database.url, { pool_mode: 'session' })
    const deaths: string[] = []
    bouncer.onDeath = (lastWords) => deaths.push(lastWords)

    await Promise.all([bouncer.restart(), bouncer.restart()])

    const locks = world.pool({ connection: bouncer.url })
    await locks.ready()
    await locks.close()
    expect(deaths).toEqual([])
  })
})
