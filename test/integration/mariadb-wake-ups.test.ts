import { setTimeout as pause } from 'node:timers/promises'
import { createConnection } from 'mysql2/promise'
import { describe, expect, test } from 'vitest'
import { mariaDbWorld } from '../support/mariadb-world.js'
import { noMariaDb } from '../support/own-mariadb.js'

/** A step that takes longer was held up by the server. */
const LIMIT_MS = 1000
const WAKE_UPS = 200

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'wake-ups in MariaDB', () => {
  const world = mariaDbWorld()

  /** Interrupts all listening connections again and again, as many releasing processes would. */
  async function interruptListeners(signal: AbortSignal): Promise<number> {
    const connection = await createConnection(world.server.url)
    let count = 0
    while (!signal.aborted) {
      const listeners = (await world.server.namedLocks()).filter(({ name }) => name.startsWith('lpbell/'))
      for (const { id } of listeners) await connection.query(`KILL QUERY ${id}`).catch(() => undefined)
      count += listeners.length
      // Without a pause, processes with fewer interruptions than these would get no share of the machine.
      await pause(1)
    }
    await connection.end()
    return count
  }

  test(`none of ${WAKE_UPS} wake-ups takes more than a second, while processes that listen are interrupted`, async () => {
    const holder = world.pool()
    const [waiter, ...idle] = Array.from({ length: 4 }, () => world.pool())
    const blocked = await holder.acquire('blocked')
    const end = new AbortController()
    const idlers = idle.map((pool) => pool.acquire('blocked', { signal: end.signal }).catch(() => undefined))
    const interruptions = [interruptListeners(end.signal), interruptListeners(end.signal)]

    const steps: number[] = []
    for (let i = 0; i < WAKE_UPS; i++) {
      const since = performance.now()
      const lock = await holder.acquire(`key ${i}`)
      const waiting = waiter!.acquire(`key ${i}`)
      await pause(5)
      await lock.release()
      await (await waiting).release()
      steps.push(performance.now() - since)
    }
    end.abort()
    const counts = await Promise.all(interruptions)
    await Promise.all(idlers)
    await blocked.release()

    expect(counts[0]! + counts[1]!).toBeGreaterThan(WAKE_UPS)
    const slowest = steps.toSorted((a, b) => b - a).map(Math.round)
    expect(slowest[0], `ms: ${slowest.slice(0, 10).join(', ')}`).toBeLessThan(LIMIT_MS)
  }, 120_000)

  /** The lock sessions whose names listeners can wait for. */
  const nameHolders = async (): Promise<number[]> =>
    (await world.server.namedLocks()).filter(({ name }) => name.startsWith('lpwait/')).map(({ id }) => id)

  /** The sessions that wait for such a name. */
  const waitForNames = async (): Promise<number> =>
    (
      await world.server.query(
        `SELECT ID FROM information_schema.PROCESSLIST WHERE STATE = 'User lock' AND INFO LIKE '%GET_LOCK(?, 2)%'`,
      )
    ).length

  test('a listener waits for a name that a lock session holds, and for another name after the end of that session', async () => {
    const [holder, waiter] = [world.pool(), world.pool()]
    const lock = await holder.acquire('orders')
    const waiting = waiter.acquire('orders')
    await expect.poll(waitForNames).toBe(1)
    const [first] = await nameHolders()

    await world.server.kill(first!)
    // The killed session carried no lock. The waiter registers on another one.
    await expect
      .poll(async () => (await nameHolders()).some((id) => id !== first), { timeout: 10_000 })
      .toBe(true)
    await expect.poll(waitForNames).toBe(1)

    await lock.release()
    await (await waiting).release()
  })

  test('an inspection does not show the name that a listener waits for', async () => {
    const [holder, waiter] = [world.pool(), world.pool()]
    const lock = await holder.acquire('orders')
    const waiting = waiter.acquire('orders')
    await expect.poll(waitForNames).toBe(1)

    const locks = await holder.inspect()
    expect(locks.map(({ name }) => name?.name)).toEqual(['orders'])

    await lock.release()
    await (await waiting).release()
  })
})
