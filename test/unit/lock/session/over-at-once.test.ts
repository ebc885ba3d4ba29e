import { expect, test } from 'vitest'
import { fakeWorld } from '../../../support/fake-world.js'

test('a session that a listener of session:opened ends leaves no timer', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 2, leaseMs: 60_000 })
  let n = 0
  const told: string[] = []
  locks.on('session:lost', () => told.push('lost'))
  locks.on('session:opened', () => {
    told.push('opened')
    if (n++ === 0)
      for (const { serverId } of locks.snapshot().sessions)
        world.server.end(world.server.connection(serverId))
  })
  const a = locks.acquire('a', { timeoutMs: 5000 })
  a.catch(() => 0)
  await world.clock.run(1000)
  const closing = locks.close({ graceMs: 0 })
  await world.clock.run(100)
  await closing
  expect(world.clock.armed).toBe(0)
})

test('a session that ends before anybody knows of it is not told of as opened, and leaves no timer', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 2 })
  const told: string[] = []
  locks.on('session:lost', () => told.push('lost'))
  locks.on('session:opened', () => told.push('opened'))
  const p = locks.acquire('a', { timeoutMs: 5000 })
  p.catch(() => 0)
  for (let i = 0; i < 2000; i++) {
    await Promise.resolve()
    const s = locks.snapshot().sessions
    if (s.length > 0) {
      world.server.end(world.server.connection(s[0]!.serverId))
      break
    }
  }
  await world.clock.run(1000)
  const closing = locks.close({ graceMs: 0 })
  await world.clock.run(100)
  await closing
  expect(world.clock.armed).toBe(0)
  expect(told[0], 'it was never opened, for its users').toBe('lost')
})
