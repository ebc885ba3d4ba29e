import { expect, test } from 'vitest'
import { sleep } from '../../../src/base/clock.js'
import type { FakeConnection } from '../../../src/testing/fake-connection.js'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../support/fake-world.js'

const listenersOf = (world: FakeWorld): FakeConnection[] =>
  [...world.server.connections].filter(({ handlers }) => handlers !== null)

/** Holds back all messages to this connection. The returned function delivers them, and returns the number of probes. */
function holdBack(connection: FakeConnection): () => number {
  const handlers = connection.handlers!
  const late: (() => void)[] = []
  let probes = 0
  connection.handlers = {
    ...handlers,
    onWakeUp: (...heard) => late.push(() => handlers.onWakeUp(...heard)),
    onMessage: (...heard) => {
      probes++
      late.push(() => handlers.onMessage(...heard))
    },
  }
  return () => {
    connection.handlers = handlers
    for (const deliver of late) deliver()
    return probes
  }
}

test('a probe that comes back after a timeout broke its cycle refuses no waiter', async () => {
  const world = fakeWorld()
  const [one, other, third, fourth] = [world.pool(), world.pool(), world.pool(), world.pool()]
  // The wait with the greatest number in a cycle is refused, and a process numbers its callers. These calls give process `one`
  // the greatest number.
  for (let i = 0; i < 5; i++) await (await one.acquire('before')).release()
  const others = rejection(
    other.withLock('2', async () => {
      await sleep(world.clock, 50)
      await other.acquire('1', { timeoutMs: 1050 })
    }),
  )
  await world.clock.run(1)
  const thirds = third.acquire('2', { timeoutMs: Infinity })
  const mine = one.withLock('1', async () => {
    await sleep(world.clock, 9)
    return one.withLock('2', { timeoutMs: Infinity }, () => 'had both')
  })
  await world.clock.run(5)
  const before = listenersOf(world)
  await world.clock.run(30)
  const deliver = holdBack(listenersOf(world).find((connection) => !before.includes(connection))!)

  await world.clock.run(1100)
  expect(await others, 'the cycle is open').toMatchObject({ code: 'LOCK_TIMEOUT' })
  const lock = await thirds
  // The keys of the cycle are held and wanted as before, but by other processes. The server cannot tell the difference.
  const fourths = fourth.acquire('1', { timeoutMs: Infinity })
  await world.clock.run(20)
  expect(deliver(), 'its probe was on the way all the time').toBeGreaterThan(0)
  await world.clock.run(3000)

  expect(await stateOf(mine), 'it waits for a process that waits for nobody').toBe('pending')
  await Promise.all([lock.release(), world.clock.run(100)])
  expect(await mine).toBe('had both')
  expect(one.snapshot().counters.deadlocks).toBe(0)
  await world.clock.run(100)
  await (await fourths).release()
})
