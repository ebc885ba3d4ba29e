/** What a process knows of the permits that it holds, and what it answers its callers. */
import { expect, test } from 'vitest'
import { fakeWorld, rejection, stateOf } from '../../../support/fake-world.js'

test('a caller that only asks costs the server nothing if all permits are held here, or a local caller waits', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool().semaphore('jobs', 1), world.pool().semaphore('jobs', 1)]
  const permit = await a.acquire()
  const waiting = b.acquire()
  await world.clock.run(1000)
  const before = world.server.statements
  expect([await a.tryAcquire(), await b.tryAcquire()]).toEqual([null, null])
  expect(world.server.statements).toBe(before)
  await permit.release()
  await world.clock.run(100)
  await (await waiting).release()
})

test('the error of a caller whose time is up says whether it waited for a local caller or another process', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool().semaphore('jobs', 2), world.pool().semaphore('jobs', 2)]
  const held = [await a.acquire(), await a.acquire()]
  const outcomes = [a, b].map((each) => rejection(each.acquire({ timeoutMs: 100 })))
  await world.clock.run(400)
  expect((await Promise.all(outcomes)).map(({ phase }) => phase)).toEqual(['queueing', 'locking'])
  await Promise.all(held.map((permit) => permit.release()))
})

test('a permit that the server did not record for this session is lost, and the others are released', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const jobs = locks.semaphore('jobs', 3)
  const held = [await jobs.acquire(), await jobs.acquire(), await jobs.acquire()]
  // A foreign statement has unlocked one of the slots.
  const { serverId } = locks.snapshot().sessions[0]!
  world.server.table.drop(serverId, { id: 'semaphore:/jobs:1' }, 'exclusive')
  const outcomes = await Promise.all(
    held.map((permit) =>
      permit.release().then(
        () => 'released',
        (error: { code: string }) => error.code,
      ),
    ),
  )
  expect(outcomes.toSorted()).toEqual(['LOCK_LOST', 'released', 'released'])
  expect(locks.snapshot().counters).toMatchObject({ released: 2, lost: 1 })
})

test('a failed attempt is reported to its own callers, and not to those behind them', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  await locks.ready()
  const jobs = locks.semaphore('jobs', 2)
  world.server.failNextBatch(0)
  const outcomes = [1, 2, 3].map(() => jobs.acquire())
  const [one, two] = outcomes.slice(0, 2).map(rejection)
  await world.clock.run(10)
  expect(await Promise.all(outcomes.map(stateOf))).toEqual(['rejected', 'rejected', 'fulfilled'])
  for (const outcome of [one!, two!]) expect((await outcome).message).toContain('out of shared memory')
  await (await outcomes[2]!).release()
})

test('a caller that can wait yields to processes that want its permit, and one that cannot wait does not', async () => {
  const world = fakeWorld({ latencyMs: 0.3 })
  const jobs = world.pool().semaphore('jobs', 1)
  const afterRelease = async (ask: () => Promise<unknown>): Promise<number> => {
    const acquired = jobs.acquire()
    await world.clock.run(50)
    world.server.table.forge('semaphore:/jobs', 'registration')
    const released = (await acquired).release()
    await world.clock.run(1)
    await released
    const since = world.clock.now()
    const asked = ask().then(async (permit) => {
      const afterMs = world.clock.now() - since
      await (permit as { release(): Promise<void> }).release()
      return afterMs
    })
    await world.clock.run(50)
    world.server.table.unforge('semaphore:/jobs')
    await world.clock.run(50)
    return asked
  }
  expect(await afterRelease(() => jobs.acquire())).toBeGreaterThan(4)
  expect(await afterRelease(() => jobs.tryAcquire())).toBeLessThan(1)
})

test('a failed semaphore statement leaves earlier permits in place, and waiters in other processes are served', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const jobs = a.semaphore('jobs', 2)
  const [first, second] = [await jobs.acquire(), await jobs.acquire()]
  const waiting = b.semaphore('jobs', 2).acquire({ timeoutMs: 60_000 })
  await world.clock.run(1000)
  world.server.failNextBatch(0)
  await rejection(a.acquire('another key'))
  expect([first.state, second.state]).toEqual(['held', 'held'])
  await first.release()
  await world.clock.run(50)
  expect(await stateOf(waiting)).toBe('fulfilled')
  await Promise.all([second.release(), (await waiting).release()])
})
