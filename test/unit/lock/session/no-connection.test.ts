import { expect, test } from 'vitest'
import { LockPool } from '../../../../src/lock/lock-pool.js'
import { resolveLockPoolOptions } from '../../../../src/lock/lock-pool-options.js'
import { FakeServer } from '../../../../src/testing/fake-server.js'
import { ManualClock, settle } from '../../../../src/testing/manual-clock.js'
import { SeededRandom } from '../../../../src/testing/seeded-random.js'

test('a session without a connection of its own is not forgotten while a key is on it', async () => {
  const clock = new ManualClock()
  const server = new FakeServer({ clock })
  const own: any[] = []
  const dialect: any = {
    ...server.dialect,
    join: async (_borrow: unknown, settings: any, ended: any) => {
      const connection = await server.factory.open(new AbortController().signal)
      own.push(connection)
      const link: any = await server.dialect.attach(connection, settings, ended, null)
      const detach = link.detach.bind(link)
      link.detach = async () => {
        await detach()
        server.factory.destroy(connection)
      }
      link.abandon = async () => {
        server.factory.destroy(connection)
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
  const c1 = await locks.connections.connect()
  const c2 = locks.connections.connect()
  await settle()
  let b: Promise<any> | undefined
  locks.on('lock:released', () => {
    b ??= locks.acquire('b', { timeoutMs: 5000 })
  })
  await a.release()
  await clock.run(20)
  c1.release()
  ;(await c2).release()
  const lock = await b
  void locks.close({ graceMs: 0 })
  await clock.run(2000)
  expect({ state: lock.state, locks: server.table.size, timers: clock.armed }).toEqual({
    state: 'lost',
    locks: 0,
    timers: 0,
  })
})
