/** A session that holds nothing may be checked in for borrowers, unless a key has just been assigned to it. */
import { expect, test } from 'vitest'
import type { FakeLockPool } from '../../../../src/fake-lock-pool.js'
import type { Lock } from '../../../../src/lock/handle/lock.js'
import type { LockPool } from '../../../../src/lock/lock-pool.js'
import type { FakeConnection } from '../../../../src/testing/fake-connection.js'
import { fakeWorld, rejection } from '../../../support/fake-world.js'
import { poolWithDialect } from '../../../support/pool-with-dialect.js'

/** Collects the warnings of a pool, and the losses of its sessions. */
function troubleOf(locks: FakeLockPool): unknown[] {
  const trouble: unknown[] = []
  locks.on('warning', (event) => trouble.push(event))
  locks.on('session:lost', (event) => trouble.push(event))
  return trouble
}

/** An event listener that acquires another key at the first release. */
function wantingAtRelease(locks: LockPool<FakeConnection>): Promise<Lock> {
  return new Promise((resolve, reject) => {
    let isFirst = true
    locks.on('lock:released', () => {
      if (isFirst) locks.acquire('next', { timeoutMs: 5000 }).then(resolve, reject)
      isFirst = false
    })
  })
}

test('a key that a release listener asks for is not assigned to a session that is being checked in', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 2 })
  const trouble = troubleOf(locks)
  const lock = await locks.acquire('first')
  const borrowed = await locks.connections.connect()
  const borrowing = locks.connections.connect()
  await world.clock.run(10)
  const next = wantingAtRelease(locks)

  await lock.release()
  await world.clock.run(20)
  borrowed.release()
  ;(await borrowing).release()
  await world.clock.run(6000)

  expect(trouble).toEqual([])
  expect((await next).state).toBe('held')
})

test('after a failed batch a key that is put on the session again at once keeps it', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 2 })
  await locks.acquire('orders')
  const trouble: unknown[] = []
  locks.on('session:lost', (event) => trouble.push(event))
  const next = locks.acquire('orders', { timeoutMs: 20_000 })
  const borrowed = await locks.connections.connect()
  const borrowing = locks.connections.connect()
  await world.clock.run(10)
  // A foreign statement has unlocked the key.
  const { serverId } = locks.snapshot().sessions[0]!
  world.server.table.drop(serverId, { id: world.server.table.heldIds[0]! }, 'exclusive')
  world.server.failNextBatch(0)

  await rejection(locks.acquire('other', { timeoutMs: 1000 }))
  await world.clock.run(100)
  borrowed.release()
  ;(await borrowing).release()
  await world.clock.run(1000)

  expect((await next).state).toBe('held')
  await (await next).release()
  expect(trouble).toEqual([])
})

test('a session without a connection of its own is not forgotten while a key is on it', async () => {
  const { clock, server, locks } = poolWithDialect(({ dialect, factory }) => ({
    join: async (_borrow, settings, ended) => {
      const connection = await factory.open(new AbortController().signal)
      const link = await dialect.attach(connection, settings, ended, null)
      const detach = link.detach.bind(link)
      const destroy = (): Promise<void> => Promise.resolve(factory.destroy?.(connection))
      link.detach = () => detach().then(destroy)
      link.abandon = destroy
      return link
    },
  }))
  const lock = await locks.acquire('first')
  const borrowed = await locks.connections.connect()
  const borrowing = locks.connections.connect()
  await clock.run(1)
  const next = wantingAtRelease(locks)

  await lock.release()
  await clock.run(20)
  borrowed.release()
  ;(await borrowing).release()
  const { state, signal } = await next
  expect(state).toBe('held')
  await Promise.all([locks.close({ graceMs: 0 }), clock.run(2000)])

  expect(signal.aborted, 'closing the pool ends it').toBe(true)
  expect({ locks: server.table.size, timers: clock.armed }).toEqual({ locks: 0, timers: 0 })
})
