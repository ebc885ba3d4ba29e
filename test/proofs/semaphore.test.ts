import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { encodeSemaphore } from '../../src/dialect/postgres/keys/key.js'
import { rejection } from '../support/fake-world.js'
import { script, type Started } from '../support/command-line.js'
import { lockWorld, lossOf } from '../support/lock-world.js'

const world = lockWorld()

/** The backend pids of the sessions that hold permits, as the server reports them: one for each permit. */
async function holders(name: string, permits: number): Promise<number[]> {
  const slots = Array.from({ length: permits }, (_, i) => encodeSemaphore(name, permits, '').slot(i).bits)
  const { rows } = await world.database.query<{ pid: number }>(
    `SELECT pid FROM pg_locks
     WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND mode = 'ExclusiveLock'
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (classid::int8 << 32 | objid::int8) = ANY ($1::int8[])`,
    [slots],
  )
  return rows.map(({ pid }) => pid)
}

test('the pool and the server report the same', async () => {
  const semaphore = world.pool().semaphore('s', 3)
  const permits = await Promise.all([semaphore.acquire(), semaphore.acquire()])

  expect(await holders('s', 3)).toHaveLength(2)
  expect(await world.locks(), 'the shape').toHaveLength(3)

  await Promise.all(permits.map((permit) => permit.release()))
  expect(await world.locks()).toEqual([])
})

test('a thousand callers in two pools never exceed the permits, get growing tokens, and are all served', async () => {
  const pools = [world.pool(), world.pool()]
  const last = new Map<number, bigint>()
  const inside = new Set<number>()
  let most = 0

  await Promise.all(
    Array.from({ length: 1000 }, (_, i) =>
      pools[i % 2]!.semaphore('hot', 4).withPermit(async ({ number, token }) => {
        expect(inside.has(number)).toBe(false)
        inside.add(number)
        most = Math.max(most, inside.size)
        expect(token).toBeGreaterThan(last.get(number) ?? 0n)
        last.set(number, token)
        if (i % 10 === 0) await pause(1)
        inside.delete(number)
      }),
    ),
  )

  expect(most).toBe(4)
})

test('a try takes one statement, and locks exactly the slots that it returns, however often it is planned', async () => {
  const [a, b] = [world.pool(), world.pool()]
  const semaphore = a.semaphore('exact', 100)
  for (let round = 0; round < 12; round++) {
    const permits = await Promise.all(Array.from({ length: 1 + round * 3 }, () => semaphore.acquire()))
    expect(await holders('exact', 100)).toHaveLength(1 + round * 3)
    const more = await b.semaphore('exact', 100).tryAcquire()
    expect(await holders('exact', 100)).toHaveLength(2 + round * 3)
    await Promise.all([...permits, more!].map((permit) => permit.release()))
    expect(await world.locks()).toEqual([])
  }
})

test('another number of permits is refused with both numbers, also for a waiter', async () => {
  const [a, b] = [world.pool(), world.pool()]
  const permit = await a.semaphore('s', 1).acquire()

  const error = await rejection(b.semaphore('s', 2).acquire())

  expect(error).toMatchObject({ code: 'INVALID_OPTION' })
  expect(error.message).toMatch(/with 2 permits, and used with 1 in another process/)
  await permit.release()
  await (await b.semaphore('s', 2).acquire()).release()
})

test('a terminated session loses its permits and reports it, and others get them at once', async () => {
  const [a, b] = [world.pool(), world.pool()]
  const permit = await a.semaphore('s', 1).acquire()
  const loss = lossOf(permit)
  const waiting = b.semaphore('s', 1).acquire()
  await expect.poll(() => b.snapshot().semaphores[0]?.state).toMatch(/waiting|queued/)

  await world.terminate(...(await holders('s', 1)))

  await loss
  expect(permit.state).toBe('lost')
  const next = await waiting
  expect(next.token).toBeGreaterThan(0n)
  await next.release()
})

/** Acquires and releases permits in six callers, until it gets SIGTERM. */
const WORKER = `
  import { LockPool } from 'lockpool'
  const locks = new LockPool({ connection: process.env.TEST_DATABASE, applicationName: 'lockpool test',
    acquireTimeoutMs: Infinity, leaseMs: 3000 })
  locks.on('session:opened', ({ serverId }) => console.log('session ' + serverId))
  const semaphore = locks.semaphore('fleet', 10)
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  let isOver = false, grants = 0
  process.on('SIGTERM', () => { isOver = true })
  await Promise.all(Array.from({ length: 6 }, async () => {
    while (!isOver) {
      await semaphore.withPermit(async () => {
        grants++
        if (grants === 1) console.log('inside')
        await pause(5 + Math.random() * 40)
      })
    }
  }))
  await locks.close()
  console.log('grants ' + grants)
`

/** Kills a process at a moment when it holds a permit on the server. */
async function killHolder(worker: Started): Promise<void> {
  for (;;) {
    // A stopped process holds what it has: it sends nothing any more.
    worker.kill('SIGSTOP')
    await pause(20)
    const opened = worker.out.toString().matchAll(/session (\d+)/g)
    const sessions = new Set([...opened].map(([, pid]) => Number(pid)))
    const pids = await holders('fleet', 10)
    if (pids.some((pid) => sessions.has(pid))) return worker.kill('SIGKILL')
    worker.kill('SIGCONT')
    await pause(20)
  }
}

/**
 * Goal: there is never an eleventh holder, all permits of killed processes become free, and no caller starves.
 * Method: eight processes run six callers each, and the test kills three of the processes while they hold permits. It
 * counts the holders on the server all the time.
 */
test('a semaphore of ten, eight processes, kills', async () => {
  const env = { TEST_DATABASE: world.database.url }
  const workers: Started[] = Array.from({ length: 8 }, () => script(WORKER, env))
  for (const worker of workers) await worker.says('inside')
  const counts: number[] = []
  let isOver = false
  const watching = (async () => {
    while (!isOver) {
      counts.push((await holders('fleet', 10)).length)
      await pause(2)
    }
  })()

  for (let round = 0; round < 3; round++) {
    await pause(500)
    await killHolder(workers.shift()!)
  }
  // The server frees the permits of a killed process when it finds its socket closed, and within the lease of 3000 ms
  // at the latest.
  await pause(1500)
  const from = counts.length
  await pause(1500)
  for (const worker of workers) worker.kill('SIGTERM')
  for (const worker of workers) expect(await worker.ended, worker.err).toBe(0)
  isOver = true
  await watching

  expect(Math.max(...counts)).toBe(10)
  expect(Math.max(...counts.slice(from)), 'all of them are in use again').toBe(10)
  for (const worker of workers)
    expect(Number(/grants (\d+)/.exec(worker.out.toString())![1])).toBeGreaterThan(10)
  await expect.poll(() => holders('fleet', 10), { timeout: 5000 }).toEqual([])
}, 60_000)

test('a process that hangs gives its permits back within its lease', async () => {
  const env = { TEST_DATABASE: world.database.url }
  const victim = script(WORKER.replace('pause(5 + Math.random() * 40)', 'pause(1e6)'), env)
  await victim.says('inside')
  await expect.poll(() => holders('fleet', 10)).toHaveLength(6)

  victim.kill('SIGSTOP')
  const since = performance.now()

  await expect.poll(() => holders('fleet', 10), { timeout: 8000 }).toEqual([])
  expect(performance.now() - since).toBeLessThan(5000)
  victim.kill('SIGKILL')
  await victim.ended
}, 30_000)
