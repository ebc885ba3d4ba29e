import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { expect, test } from 'vitest'
import type { Lock } from '../../src/lock/handle/lock.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

test('an abort at any of a thousand random instants leaves no lock and no waiter, and no lock follows it', async () => {
  const [a, b] = [world.pool(), world.pool({ max: 3 })]
  await Promise.all([a.ready(), b.ready()])
  const results = { granted: 0, aborted: 0 }

  for (let round = 0; round < 20; round++) {
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const locks = i % 2 === 0 ? a : b
        const controller = new AbortController()
        const reason = new Error(`${round} ${i}`)
        setTimeout(() => controller.abort(reason), Math.random() * 12)
        try {
          const lock = await locks.acquire(`key ${i % 5}`, { signal: controller.signal })
          results.granted++
          await pause(Math.random() * 3)
          await lock.release()
        } catch (error) {
          expect(error).toBe(reason)
          results.aborted++
        }
      }),
    )
  }

  expect(results.granted + results.aborted).toBe(1000)
  expect(Math.min(results.granted, results.aborted)).toBeGreaterThan(20)
  for (const locks of [a, b]) expect(locks.snapshot()).toMatchObject({ waiting: 0, held: 0 })
  await expect.poll(() => world.locks()).toEqual([])
})

/**
 * Goal: a caller with a timeout error has no lock, and a granted caller has it, however close the two events are.
 * Method: a holder releases exactly at the deadline of the waiter, 10,000 times. Each time the test compares the
 * answers with the lock table of the server.
 */
test('if a lock is released exactly at the deadline of its waiter, the server decides', async () => {
  const KEYS = 100
  const ROUNDS = 100
  const WAIT_MS = 25
  const [a, b] = [world.pool({ maxHeldLocks: 5000 }), world.pool({ maxHeldLocks: 5000 })]
  await Promise.all([a.ready(), b.ready()])
  const counts = { granted: 0, timedOut: 0 }

  for (let round = 0; round < ROUNDS; round++) {
    const holders = await Promise.all(Array.from({ length: KEYS }, (_, i) => a.acquire(BigInt(i + 1))))
    const waits = holders.map((lock) =>
      b.acquire(lock.key, { timeoutMs: WAIT_MS }).catch((error: { code: string }) => error.code),
    )
    await pause(WAIT_MS - 3 + (round % 6))
    await Promise.all(holders.map((lock) => lock.release()))
    const answers = await Promise.all(waits)

    const granted = answers.filter((answer): answer is Lock => typeof answer !== 'string')
    expect(answers.every((answer) => typeof answer !== 'string' || answer === 'LOCK_TIMEOUT')).toBe(true)
    await expect
      .poll(async () =>
        (await world.locks())
          .map(({ classid, objid, objsubid }) => (objsubid === 1 ? `${classid} ${objid}` : 'mark'))
          .toSorted(),
      )
      .toEqual(granted.map((lock) => `0 ${String(lock.key)}`).toSorted())
    counts.granted += granted.length
    counts.timedOut += KEYS - granted.length
    await Promise.all(granted.map((lock) => lock.release()))
  }

  expect(counts.granted + counts.timedOut).toBe(KEYS * ROUNDS)
  expect(Math.min(counts.granted, counts.timedOut), JSON.stringify(counts)).toBeGreaterThan(50)
}, 120_000)

test('releases that race with a loss all have the same outcome, and one end is reported', async () => {
  const locks = world.pool({ max: 3 })
  const ends: string[] = []
  locks.on('lock:released', ({ key }) => ends.push(key))
  locks.on('lock:lost', ({ key }) => ends.push(key))

  for (let round = 0; round < 20; round++) {
    const key = `key ${round}`
    const lock = await locks.acquire(key)
    const [session] = locks.snapshot().sessions
    const killed = world.terminate(session!.serverId)
    await pause(Math.random() * 2)
    const outcomes = await Promise.allSettled([lock.release(), lock.release(), lock.release()])
    await killed

    const kinds = outcomes.map((outcome) => outcome.status)
    expect(new Set(kinds).size).toBe(1)
    expect(lock.state).toBe(kinds[0] === 'fulfilled' ? 'released' : 'lost')
    expect(ends.filter((end) => end === key)).toEqual([key])
  }
})

test('a foreign session that blocks for the same key, and callers of the pool, both get their turns', async () => {
  const locks = world.pool()
  const stranger = new pg.Client(world.database.url)
  await stranger.connect()
  const ROUNDS = 40
  let inside = 0

  const theirs = (async () => {
    for (let i = 0; i < ROUNDS; i++) {
      await stranger.query('SELECT pg_advisory_lock(77)')
      expect(++inside).toBe(1)
      inside--
      await stranger.query('SELECT pg_advisory_unlock(77)')
    }
  })()
  const ours = (async () => {
    for (let i = 0; i < ROUNDS; i++) {
      await locks.withLock(77n, async () => {
        expect(++inside).toBe(1)
        await pause(1)
        inside--
      })
    }
  })()
  await Promise.all([theirs, ours])

  await stranger.end()
})
