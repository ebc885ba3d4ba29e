import { expect, test } from 'vitest'
import { fakeWorld } from '../../../support/fake-world.js'

test('names of used keys are written once a second, and keys that were held only briefly have none', async () => {
  const world = fakeWorld({ keepsNames: true })
  const locks = world.pool({ namespace: 'shop' })
  await locks.acquire('kept')
  await (await locks.acquire('brief')).release()
  await locks.semaphore('seats', 3).acquire()
  await locks.acquire(7n)
  expect(world.server.names.size).toBe(0)

  await world.clock.run(1000)

  expect([...world.server.names.values()].toSorted()).toEqual(['kept', 'seats'])
})

test('the name of a key that is only waited for is written too', async () => {
  const world = fakeWorld({ keepsNames: true })
  const [holder, waiter] = [world.pool({ keyNames: 'off' }), world.pool()]
  await holder.acquire('orders')
  const waiting = waiter.acquire('orders', { timeoutMs: 5000 })
  waiting.catch(() => undefined)

  await world.clock.run(2000)

  expect([...world.server.names.values()]).toEqual(['orders'])
})

test('a name is not written twice, and written again before it could be swept away', async () => {
  const world = fakeWorld({ keepsNames: true })
  const locks = world.pool({ leaseMs: 3_600_000 })
  await locks.acquire('kept')
  await world.clock.run(1000)
  world.server.names.clear()

  await world.clock.run(10_000)
  expect(world.server.names.size).toBe(0)
  await world.clock.run(3_600_000)
  expect(world.server.names.size).toBe(1)
})

test('a server that has lost its records, and its sessions, gets them again', async () => {
  const world = fakeWorld({ keepsNames: true })
  const locks = world.pool()
  await locks.acquire('kept')
  await world.clock.run(1000)
  world.server.stop()
  world.server.names.clear()
  await world.clock.run(1000)
  world.server.start()
  await world.clock.run(10_000)

  const again = locks.acquire('kept')
  await world.clock.run(5000)
  await again

  expect([...world.server.names.values()]).toEqual(['kept'])
})

test.each([
  ['there is no place for them', {}, {}],
  ['they are off', { keepsNames: true }, { keyNames: 'off' }],
  ['there is one connection', { keepsNames: true }, { max: 1 }],
] as const)('nothing is written, and no timer runs, where %s', async (_, server, options) => {
  const world = fakeWorld(server)
  const plain = fakeWorld()
  await world.pool(options).acquire('kept')
  await plain.pool(options).acquire('kept')
  expect(world.clock.armed).toBe(plain.clock.armed)

  await world.clock.run(5000)

  expect(world.server.names.size).toBe(0)
})

test('many names take several looks, and each look a bounded number', async () => {
  const world = fakeWorld({ keepsNames: true })
  const locks = world.pool()
  await locks.acquireAll(Array.from({ length: 1200 }, (_, i) => `key ${i}`))
  const sizes: number[] = []
  for (let i = 0; i < 4; i++) {
    await world.clock.run(1000)
    sizes.push(world.server.names.size)
  }
  expect(sizes).toEqual([500, 1000, 1200, 1200])
})

test('a failure is reported once, and tried again later; locks go on', async () => {
  const world = fakeWorld({ keepsNames: true })
  const locks = world.pool()
  const warnings: string[] = []
  locks.on('warning', ({ message }) => warnings.push(message))
  await locks.acquire('kept')
  world.server.refuses = new Error('no more connections')

  await world.clock.run(120_000)
  expect(warnings).toEqual(['names of keys are not recorded'])
  expect(world.server.names.size).toBe(0)
  world.server.refuses = null
  await world.clock.run(120_000)

  expect(world.server.names.size).toBe(1)
})
