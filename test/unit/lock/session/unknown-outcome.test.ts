import { expect, test } from 'vitest'
import { LockPool } from '../../../../src/lock/lock-pool.js'
import { resolveLockPoolOptions } from '../../../../src/lock/lock-pool-options.js'
import { FakeServer } from '../../../../src/testing/fake-server.js'
import { ManualClock } from '../../../../src/testing/manual-clock.js'
import { SeededRandom } from '../../../../src/testing/seeded-random.js'
import { fakeWorld } from '../../../support/fake-world.js'

test('a release whose outcome is unknown is not confirmed', async () => {
  const clock = new ManualClock()
  const server = new FakeServer({ clock })
  const dialect: any = {
    ...server.dialect,
    attach: async (...all: [never, never, never, never]) => {
      const link: any = await server.dialect.attach(...all)
      link.reconcile = async () => {
        throw new Error('no')
      }
      return link
    },
  }
  const locks = new LockPool(resolveLockPoolOptions({ max: 2 }), {
    factory: server.factory,
    dialect,
    clock,
    random: new SeededRandom(1),
  })
  const a = await locks.acquire('a')
  await locks.semaphore('s', 2).acquire()
  server.failNextBatch(0)
  const held: number[] = []
  const how = a.release().then(
    () => {
      held.push(server.table.size)
      return 'confirmed'
    },
    (e: Error) => e.name,
  )
  await clock.run(100)
  const closing = locks.close({ graceMs: 0 })
  await clock.run(2000)
  await closing
  expect(await how).toBe('LockLostError')
})

test('after a failed batch a key that is put on the session again at once keeps it', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 2 })
  const told: string[] = []
  locks.on('session:lost', ({ reason, error }) => told.push(reason + error?.message))
  await locks.acquire('a')
  const next = locks.acquire('a', { timeoutMs: 20000 })
  next.catch(() => 0)
  const c1 = await locks.connections.connect()
  const c2 = locks.connections.connect()
  await world.clock.run(10)
  // a stranger has unlocked it; another batch fails
  const owner = locks.snapshot().sessions[0]!.serverId
  const id = ((world.server.table as any).heldIds as string[])[0]!
  world.server.table.drop(owner, { id }, 'exclusive')
  world.server.failNextBatch(0)
  await locks.acquire('b', { timeoutMs: 1000 }).then(
    (l) => l.state,
    (e: Error) => e.name,
  )
  await world.clock.run(100)
  c1.release()
  ;(await c2).release()
  await world.clock.run(1000)
  await (await next).release()
  expect(told).toEqual([])
})
