import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { mariaDbWorld } from '../support/mariadb-world.js'
import { noMariaDb } from '../support/own-mariadb.js'
import { ROOT } from '../support/repository.js'

const LEASE_MS = 2000

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'processes that hold locks in MariaDB', () => {
  const world = mariaDbWorld()
  const children: ChildProcess[] = []

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })

  /** Starts a process that holds the key. `next` returns the next line that the process prints. */
  async function holder(
    key: string,
  ): Promise<{ child: ChildProcess; token: bigint; next: () => Promise<string> }> {
    const args = [join(ROOT, 'test/support/mariadb-holder.mjs'), world.url, key, String(LEASE_MS)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const next = async (): Promise<string> => String((await lines.next()).value)
    const [word, token] = (await next()).split(' ')
    expect(word).toBe('held')
    return { child, token: BigInt(token!), next }
  }

  test('a killed process releases its lock at once', async () => {
    const { child, token } = await holder('orders')
    const pool = world.pool({ leaseMs: 60_000 })
    const waiting = pool.acquire('orders', { timeoutMs: 20_000 })

    child.kill('SIGKILL')

    const lock = await waiting
    expect(lock.token).toBeGreaterThan(token)
    await lock.release()
  })

  test('a stopped process loses its lock after the lease, and knows it when it continues', async () => {
    const { child, token, next } = await holder('orders')
    const pool = world.pool()

    child.kill('SIGSTOP')
    const lock = await pool.acquire('orders', { timeoutMs: 20_000 })
    child.kill('SIGCONT')

    expect(lock.token).toBeGreaterThan(token)
    expect(await next(), 'before it does anything else').toBe('lost')
    await lock.release()
  })

  test('callers that wait during a restart get the lock afterwards, with a greater token', async () => {
    const pool = world.pool({ leaseMs: LEASE_MS })
    const other = world.pool({ leaseMs: LEASE_MS })
    const lock = await pool.acquire('orders')
    const waiting = other.acquire('orders', { timeoutMs: 60_000 })
    // The server shows that the other pool has registered as a waiter.
    await expect
      .poll(async () => (await world.server.namedLocks()).some(({ name }) => name.endsWith('/0')))
      .toBe(true)

    await world.server.halt('SIGKILL')
    await world.server.boot()

    const next = await waiting
    expect(lock.state).toBe('lost')
    expect(next.token).toBeGreaterThan(lock.token)
    await next.release()
  })

  test('a server that stops costs the locks, and no lock has two holders', async () => {
    const pool = world.pool({ leaseMs: LEASE_MS })
    const lock = await pool.acquire('orders')

    process.kill(world.server.pid, 'SIGSTOP')
    try {
      await expect.poll(() => lock.state, { timeout: 10_000 }).toBe('lost')
    } finally {
      process.kill(world.server.pid, 'SIGCONT')
    }

    const next = await pool.acquire('orders', { timeoutMs: 30_000 })
    expect(next.token).toBeGreaterThan(lock.token)
    await next.release()
  })
})
