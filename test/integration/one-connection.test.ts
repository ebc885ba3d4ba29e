import { expect, test } from 'vitest'
import { lockWorld } from '../support/lock-world.js'
import { script } from '../support/command-line.js'
import { rejection } from '../support/fake-world.js'

const world = lockWorld()

test('with one connection for everything, every call ends in time, with success or a code', async () => {
  const locks = world.pool({ max: 1, min: 0, acquireTimeoutMs: 8000 })
  const others = world.pool()

  const outcomes = await Promise.allSettled(
    Array.from({ length: 200 }, async (_, i) => {
      const controller = new AbortController()
      if (i % 7 === 0) setTimeout(() => controller.abort(new Error('aborted')), i % 50)
      const { signal } = controller
      switch (i % 5) {
        case 0:
          return locks.withLock(`key ${i % 3}`, { signal }, () => undefined)
        case 1:
          return locks.withLock(`key ${i % 3}`, { mode: 'shared', timeoutMs: i % 40 }, () => undefined)
        case 2:
          return (await locks.tryAcquire(`key ${i % 3}`, { signal }))?.release()
        case 3:
          return others.withLock(`key ${i % 3}`, () => undefined)
        default: {
          const lease = await locks.connections.connect()
          await lease.query('SELECT 1')
          return lease.release()
        }
      }
    }),
  )

  const codes = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason.code ?? outcome.reason.message] : [],
  )
  expect(codes.filter((code) => code !== 'LOCK_TIMEOUT' && code !== 'aborted')).toEqual([])
  expect(codes.length).toBeLessThan(120)
  expect(locks.snapshot()).toMatchObject({ held: 0, waiting: 0, keys: [] })
  expect((await locks.acquire('after')).state).toBe('held')
})

test('closing with holders, waiters and borrowers informs each in time, and leaves nothing', async () => {
  const locks = world.pool({ max: 3 })
  const held = await Promise.all(['a', 'b'].map((key) => locks.acquire(key)))
  const lease = await locks.connections.connect()
  const elsewhere = await world.pool().acquire('c')
  const waiting = ['a', 'b', 'c'].map((key) => rejection(locks.acquire(key)))
  const since = performance.now()

  const closing = locks.close({ graceMs: 300 })
  const late = rejection(locks.acquire('d'))
  await held[0]!.release()
  await closing

  expect(performance.now() - since).toBeLessThan(8000)
  for (const error of await Promise.all([...waiting, late]))
    expect(error).toMatchObject({ code: 'POOL_CLOSED' })
  expect(held.map((lock) => lock.state)).toEqual(['released', 'lost'])
  expect(await rejection(held[1]!.release())).toMatchObject({ code: 'LOCK_LOST' })
  lease.release()
  await elsewhere.release()
})

test('a process in which everything goes wrong at once has no unhandled rejection, and can exit', async () => {
  const it = script(
    `import { LockPool } from 'lockpool'
     const wrong = new URL(process.env.TEST_DATABASE)
     wrong.password = 'wrong'
     const pools = [process.env.TEST_DATABASE, wrong.href, 'postgres://127.0.0.1:1/x'].map((connection) =>
       new LockPool({ connection, applicationName: 'lockpool test', acquireTimeoutMs: 500 }))
     const codes = new Set()
     const note = (error) => codes.add(error.name === 'TimeoutError' ? 'aborted' : error.code)
     const calls = pools.flatMap((locks) => Array.from({ length: 30 }, (_, i) => {
       const signal = i % 3 === 0 ? AbortSignal.timeout(i * 5) : undefined
       return locks.acquire('key ' + (i % 2), { signal }).then((lock) => i % 4 === 0 ? undefined : lock.release()).catch(note)
     }))
     await new Promise((resolve) => setTimeout(resolve, 200))
     await Promise.all(pools.map((locks) => locks.close({ graceMs: 50 })))
     await Promise.all(calls)
     console.log([...codes].every((code) => ['CONNECTION_FAILED', 'LOCK_TIMEOUT', 'POOL_CLOSED', 'LOCK_LOST', 'aborted'].includes(code)) ? 'fine' : [...codes].join())`,
    { TEST_DATABASE: world.database.url },
  )

  expect(await it.ended).toBe(0)
  expect(it.err).toBe('')
  expect(it.out.toString()).toBe('fine\n')
})
