import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { dashboardHandler } from '../../src/dashboard.js'
import type { StateJson } from '../../src/dashboard/state-json.js'
import { endSession } from '../../src/dialect/postgres/inspect/read-in-transaction.js'
import type { SessionEnd } from '../../src/dialect/server-state.js'
import { lockpool, type Started } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

interface Where {
  readonly url: string
  readonly token?: string
}

/** Starts the command, and waits until it prints its address. */
async function dashboard(...args: string[]): Promise<Where & { readonly started: Started }> {
  const started = lockpool(['dashboard', '--json', '--port', '0', ...args], { url: world.database.url })
  await started.says('}\n')
  return { ...(JSON.parse(started.out.toString()) as Where), started }
}

async function stateAt(url: string, headers: Record<string, string> = {}): Promise<StateJson> {
  return (await (await fetch(`${url}api/state`, { headers })).json()) as StateJson
}

test('a handler shows the pool and its server, and leaves its borrowed connection clean', async () => {
  const locks = world.pool()
  const cleaned: unknown[] = []
  locks.connections.on('connection:cleaned', (event) => cleaned.push(event))
  const lock = await locks.acquire('orders')
  const handler = dashboardHandler(locks)

  const response = await handler(new Request('http://localhost/api/state'))

  const state = (await response.json()) as StateJson
  expect(state.unavailable).toBeNull()
  expect(state.locks).toMatchObject([
    { title: 'orders', holders: [{ isHere: true, token: String(lock.token) }], waiters: [] },
  ])
  expect(cleaned).toEqual([])
  handler.close()
  await lock.release()
})

test('a pool that is busy with everything else is seen from inside', async () => {
  const locks = world.pool({ max: 1 })
  await locks.acquire('orders')
  const handler = dashboardHandler(locks)
  const state = (await (await handler(new Request('http://localhost/api/state'))).json()) as StateJson
  expect(state).toMatchObject({ server: null, locks: [{ title: 'orders', holders: [{ isHere: true }] }] })
  expect(state.health[0]).toMatchObject({ code: 'blind' })
  handler.close()
})

test('a process id that belongs to another session by now is left alone', async () => {
  const { rows } = await world.database.query<{ pid: number; at: string }>(
    'SELECT pid, backend_start::text AS at FROM pg_stat_activity WHERE pid = pg_backend_pid()',
  )
  const { pid, at } = rows[0]!
  const locks = world.pool()
  const end = (startedAt: string): Promise<SessionEnd> =>
    locks.connections.use((connection) => endSession(connection, pid, startedAt))
  expect(await end('2020-01-01 00:00:00+00')).toBe('none')
  const { rows: still } = await world.database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  expect(still[0]!.pid).toBe(pid)
  expect(await end(at)).toBe('gone')
})

describe('lockpool dashboard', () => {
  test('shows the locks of every program, under a name of this host, until a signal ends it', async () => {
    const locks = world.pool({ applicationName: 'lockpool test' })
    await locks.acquire(42n)
    const { url, token, started } = await dashboard()
    expect([new URL(url).hostname, token]).toEqual(['127.0.0.1', undefined])
    const state = await stateAt(url)
    expect(state).toMatchObject({ process: null, mayEnd: false, history: { of: 'server' } })
    expect(state.locks).toMatchObject([{ id: 'advisory 42', holders: [{ isHere: false }] }])
    const page = await fetch(url)
    expect(page.status).toBe(200)
    const text = await page.text()
    for (const [, path] of text.matchAll(/(?:src|href)="([^"#]+)"/g))
      expect((await fetch(url + path!)).status, path).toBe(200)
    started.kill('SIGTERM')
    expect(await started.ended).toBe(143)
  })

  test('it finds the server again after losing its connection', async () => {
    const { url } = await dashboard()
    const sessions = async (): Promise<number[]> => {
      const { rows } = await world.database.query<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'lockpool dashboard' AND datname = current_database()",
      )
      return rows.map(({ pid }) => pid)
    }
    await stateAt(url)
    const [before] = await sessions()
    await world.terminate(before!)

    const others = async (): Promise<number> => {
      await stateAt(url)
      return (await sessions()).filter((pid) => pid !== before).length
    }
    await expect.poll(others, { timeout: 10_000 }).toBe(1)
    expect(await stateAt(url)).toMatchObject({ unavailable: null })
  })

  test('on an address that others can reach, reading needs the token', async () => {
    const { url, token } = await dashboard('--listen', '0.0.0.0')
    const here = `http://127.0.0.1:${new URL(url).port}/`
    expect((await fetch(`${here}api/state`)).status).toBe(401)
    expect(await stateAt(here, { authorization: `Bearer ${token}` })).toMatchObject({ version: 1 })
  })

  test('a port in use, a foreign address and a missing server are each reported in one line', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const { url } = world.database
    const busy = lockpool(['dashboard', '--port', String(port)], { url })
    expect(await busy.ended).toBe(69)
    expect(busy.err).toBe(
      `lockpool: port ${port} is in use on 127.0.0.1; choose another with --port, or 0 for any\n`,
    )
    taken.close()
    const away = lockpool(['dashboard'], { url: 'postgres://127.0.0.1:1/app' })
    expect(await away.ended).toBe(69)
    expect(away.err).toMatch(/^lockpool: the database cannot be used: .*\n$/)
    const short = lockpool(['dashboard', '--allow-end'], { url, env: { LOCKPOOL_DASHBOARD_TOKEN: 'short' } })
    expect(await short.ended).toBe(64)
  })
})
