import { describe, expect, test } from 'vitest'
import { settle } from '../../../src/testing/manual-clock.js'
import { fakeWorld, stateOf } from '../../support/fake-world.js'

const KEY = '/orders'

describe('if a foreign session keeps a registration from being set', () => {
  test('a free key is still granted', async () => {
    const world = fakeWorld()
    const [a, b] = [world.pool(), world.pool()]
    world.server.table.crowd(KEY, true)

    for (const mode of ['exclusive', 'shared'] as const) {
      const first = await a.acquire('orders', { mode })
      await first.release()
      const second = b.acquire('orders', { mode })
      await world.clock.run(20)
      await (await second).release()
    }

    world.server.table.crowd(KEY, false)
  })

  test('a waiter asks soon, and then less and less often', async () => {
    const world = fakeWorld()
    world.server.longestWaitMs = 0
    const [a, b] = [world.pool(), world.pool()]
    const held = await a.acquire('orders')
    world.server.table.crowd(KEY, true)
    const waiting = b.acquire('orders', { timeoutMs: 60_000 })
    await settle()
    const counts: number[] = []
    for (let second = 0; second < 10; second++) {
      const before = world.server.statements
      await world.clock.run(1000)
      counts.push(world.server.statements - before)
    }

    expect(counts[0]).toBeLessThanOrEqual(12)
    // The count includes the heartbeats of both pools, and the check of the listening connection.
    for (const count of counts.slice(1)) expect(count, counts.join()).toBeLessThanOrEqual(4)
    expect(await stateOf(waiting)).toBe('pending')
    await held.release()
    await world.clock.run(1)
    expect(await stateOf(waiting), 'the releaser takes the stranger for one who waits, and rings').toBe(
      'fulfilled',
    )
    world.server.table.crowd(KEY, false)
  })

  test('a registration is set when the foreign session has gone, and a waiter that gives up leaves none behind', async () => {
    const world = fakeWorld()
    const [a, b, c] = [world.pool(), world.pool(), world.pool()]
    const held = await a.acquire('orders')
    world.server.table.crowd(KEY, true)
    const waiting = b.acquire('orders', { timeoutMs: 60_000 })
    const impatient = c.acquire('orders', { timeoutMs: 300 }).catch((error: Error) => error)
    await world.clock.run(1000)
    expect(await impatient).toMatchObject({ code: 'LOCK_TIMEOUT' })
    world.server.table.crowd(KEY, false)
    await world.clock.run(1000)

    const owner = b.snapshot().sessions[0]!.serverId
    expect(world.server.table.isWanted(-2, KEY)).toBe(true)
    expect(world.server.table.heldBy(owner)).toMatchObject([{ what: 'registration' }])
    await held.release()
    await world.clock.run(1)
    await (await waiting).release()
  })

  test('a lock still passes between processes that share it with their own callers', async () => {
    const world = fakeWorld({ latencyMs: 0.3 })
    const pools = [world.pool(), world.pool()]
    world.server.table.crowd(KEY, true)
    const turns = [0, 0]
    const working = pools.flatMap((pool, i) =>
      Array.from({ length: 3 }, async () => {
        for (let n = 0; n < 100; n++) {
          const lock = await pool.acquire('orders', { timeoutMs: 60_000 })
          turns[i]!++
          await new Promise<void>((resolve) => world.clock.after(0.5, resolve))
          await lock.release()
        }
      }),
    )
    await world.clock.run(150)

    expect(Math.min(...turns), turns.join()).toBeGreaterThan(20)
    for (let i = 0; i < 200; i++) await world.clock.run(50)
    await Promise.all(working)
    world.server.table.crowd(KEY, false)
  })
})

describe('a foreign session that registers and never comes', () => {
  test('costs the working processes a few milliseconds now and then', async () => {
    const world = fakeWorld({ latencyMs: 0.3 })
    const locks = world.pool()
    world.server.table.forge(KEY, 'registration')
    let sections = 0
    let isOver = false
    const working = (async () => {
      while (!isOver) {
        const lock = await locks.acquire('orders', { timeoutMs: 60_000 })
        sections++
        await lock.release()
      }
    })()
    for (let i = 0; i < 100; i++) await world.clock.run(20)
    isOver = true
    await world.clock.run(50)
    await working

    // A critical section takes two messages each way, 1.2 ms in all: 1666 sections in two seconds.
    expect(sections).toBeGreaterThan(1666 * 0.8)
    world.server.table.unforge(KEY)
  })

  test.each([1, 3, 20])('nor does it cost a single caller of a semaphore of %i more', async (permits) => {
    for (const forged of [
      ['registration'],
      ['place in the queue'],
      ['registration', 'place in the queue'],
    ] as const) {
      const world = fakeWorld({ latencyMs: 0.3 })
      const locks = world.pool()
      const ids = ['semaphore:/s', ...Array.from({ length: permits }, (_, i) => `semaphore:/s:${i}`)]
      for (const what of forged) for (const id of ids) world.server.table.forge(id, what)
      let sections = 0
      let isOver = false
      const working = (async () => {
        while (!isOver) {
          const permit = await locks.semaphore('s', permits).acquire({ timeoutMs: 60_000 })
          sections++
          await permit.release()
        }
      })()
      for (let i = 0; i < 100; i++) await world.clock.run(20)
      isOver = true
      await world.clock.run(50)
      await working

      expect(sections, forged.join()).toBeGreaterThan(1666 * 0.9)
      for (const id of ids) world.server.table.unforge(id)
    }
  })

  test('delays a process that comes by at most a second', async () => {
    const world = fakeWorld({ latencyMs: 0.3 })
    const [a, b] = [world.pool(), world.pool()]
    world.server.table.forge(KEY, 'registration')
    let isOver = false
    const working = Array.from({ length: 3 }, async () => {
      while (!isOver) {
        const lock = await a.acquire('orders', { timeoutMs: 60_000 })
        await new Promise<void>((resolve) => world.clock.after(0.5, resolve))
        await lock.release()
      }
    })
    for (let i = 0; i < 40; i++) await world.clock.run(50)
    const from = world.clock.now()
    let waitedMs = Infinity
    const waiting = b.acquire('orders', { timeoutMs: 60_000 }).then((lock) => {
      waitedMs = world.clock.now() - from
      return lock.release()
    })
    for (let i = 0; i < 60; i++) await world.clock.run(50)
    isOver = true
    await world.clock.run(100)
    await Promise.all([waiting, ...working])

    expect(waitedMs).toBeLessThan(1000)
    world.server.table.unforge(KEY)
  })

  test('keeps readers out for ten seconds at most, also those that join', async () => {
    const world = fakeWorld()
    const [a, b] = [world.pool(), world.pool()]
    const reader = await a.acquire('orders', { mode: 'shared' })
    world.server.table.forge(KEY, 'writer')
    const joining = a.acquire('orders', { mode: 'shared', timeoutMs: 60_000 })
    const reading = b.acquire('orders', { mode: 'shared', timeoutMs: 60_000 })
    await world.clock.run(9_000)
    expect(await stateOf(joining), 'it may come yet').toBe('pending')
    await world.clock.run(9_000)
    expect([await stateOf(joining), await stateOf(reading)]).toEqual(['fulfilled', 'fulfilled'])

    await Promise.all([reader.release(), (await joining).release(), (await reading).release()])
    world.server.table.unforge(KEY)
  })
})
