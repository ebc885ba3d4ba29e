import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { dashboardHandler, nodeListener } from '../../src/dashboard.js'
import type { StateJson } from '../../src/dashboard/state-json.js'
import type { LockPool } from '../../src/mysql-lock-pool.js'
import { complaintsOf, hasBrowser, launchBrowser } from '../support/browser.js'
import { lockpool } from '../support/command-line.js'
import { mariaDbWorld } from '../support/mariadb-world.js'
import { noMariaDb } from '../support/own-mariadb.js'

/** Sorts locks by title, because the order of the server is different. */
function sorted<Lock extends { readonly title: string }>(locks: readonly Lock[]): Lock[] {
  return locks.toSorted((a, b) => (a.title < b.title ? -1 : 1))
}

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'looking at locks in MariaDB', () => {
  const world = mariaDbWorld()

  /** Creates two pools. One holds a lock and a permit, and the other waits for the lock. */
  async function contended(backend: 'named' | 'table'): Promise<{ holder: LockPool; waiter: LockPool }> {
    const [holder, waiter] = [
      world.pool({ backend, namespace: backend }),
      world.pool({ backend, namespace: backend }),
    ]
    await holder.acquire('invoice 4711', { label: 'a long report' })
    await holder.semaphore('pdf', 3).acquire()
    void waiter.acquire('invoice 4711', { timeoutMs: 60_000 }).catch(() => undefined)
    await expect
      .poll(async () => sorted(await holder.inspect()).map(({ waiters }) => waiters.length), {
        timeout: 15_000,
      })
      .toEqual([1, 0])
    return { holder, waiter }
  }

  test.each(['named', 'table'] as const)(
    'inspect() shows holders, waiters and sessions of %s',
    async (backend) => {
      const { holder } = await contended(backend)

      const { locks, sessions, server } = await holder.inspectAll()

      const [own] = holder.snapshot().sessions
      expect(sorted(locks)).toMatchObject([
        {
          kind: 'advisory',
          title: 'invoice 4711',
          name: { name: 'invoice 4711', namespace: backend },
          holders: [{ session: { pid: own!.serverId }, mode: 'exclusive', label: 'a long report' }],
          waiters: [{ isOutside: true }],
        },
        {
          kind: 'semaphore',
          title: 'pdf',
          permits: 3,
          holders: [{ permit: expect.any(Number) as number }],
          waiters: [],
        },
      ])
      expect(sessions.length).toBeGreaterThanOrEqual(2)
      expect(server).toMatchObject({ product: 'MariaDB', isStandby: false, hasKeyNames: true })
      expect(server.version).toMatch(/^[\d.]+$/)
    },
  )

  test('an inspection whose signal is aborted is not made', async () => {
    const pool = world.pool()
    await pool.ready()
    await expect(pool.inspectAll({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow()
  })

  test('an inspection of a server that is silent ends with an error, and keeps no connection', async () => {
    const pool = world.pool()
    await pool.inspect()

    process.kill(world.server.pid, 'SIGSTOP')
    try {
      await expect(pool.inspect()).rejects.toMatchObject({ code: 'CONNECTION_FAILED' })
    } finally {
      process.kill(world.server.pid, 'SIGCONT')
    }

    expect(pool.connections.leasedCount).toBe(0)
    expect(await pool.inspect()).toEqual([])
  })

  test('a handler shows what the pool and its server know', async () => {
    const { holder } = await contended('named')
    const handler = dashboardHandler(holder)

    const state = (await (await handler(new Request('http://localhost/api/state'))).json()) as StateJson

    expect(state).toMatchObject({
      unavailable: null,
      mayEnd: false,
      server: { product: 'MariaDB', lockTable: { capacity: null } },
    })
    expect(state.title).toMatch(/^lockpool_test_/)
    expect(sorted(state.locks)).toMatchObject([
      {
        title: 'invoice 4711',
        holders: [{ isHere: true, token: expect.stringMatching(/^\d+$/) as string }],
        waiters: [{ isHere: false }],
      },
      { title: 'pdf', permits: 3 },
    ])
    const metrics = await (await handler(new Request('http://localhost/metrics'))).text()
    expect(metrics).toContain('lockpool_server_up 1')
    expect(metrics).not.toContain('capacity')
    handler.close()
  })

  test('sessions are not ended from a page', () => {
    const options = { ending: true, token: 'a token of enough length' }
    expect(() => dashboardHandler(world.pool(), options)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }) as Error,
    )
  })

  test('lockpool dashboard shows the locks of every program', async () => {
    await contended('table')
    const started = lockpool(['dashboard', '--json', '--port', '0'], { url: world.url })
    await started.says('}\n')
    const { url } = JSON.parse(started.out.toString()) as { url: string }

    const look = async (): Promise<StateJson> => (await (await fetch(`${url}api/state`)).json()) as StateJson

    expect((await look()).process).toBeNull()
    // The pool records the names of keys shortly after the grant.
    await expect
      .poll(async () => sorted((await look()).locks), { timeout: 15_000 })
      .toMatchObject([{ title: 'invoice 4711', waiters: [{}] }, { title: 'pdf' }])
    started.kill('SIGTERM')
    await started.ended
    const refused = lockpool(['dashboard', '--allow-end'], { url: world.url })
    expect(await refused.ended).toBe(64)
    expect(refused.err).toContain('lockpool break')
  })

  test.skipIf(!hasBrowser)('the page shows it without complaints', async () => {
    const { holder } = await contended('named')
    const handler = dashboardHandler(holder)
    const server = createServer(nodeListener(handler)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const browser = await launchBrowser()
    try {
      const page = await browser.newPage({ viewport: { width: 1300, height: 900 } })
      const complaints = complaintsOf(page)
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
      await page.locator('tr.row:visible', { hasText: 'invoice 4711' }).click()
      await page.getByText('a long report').first().waitFor()
      await page.getByText(/MariaDB [\d.]+, database lockpool_test_/).waitFor()
      // That advice would name a key of PostgreSQL.
      expect(await page.getByText('from a terminal').count()).toBe(0)
      const picture = process.env['PICTURE']
      if (picture !== undefined) await page.screenshot({ path: picture })
      expect(complaints).toEqual([])
    } finally {
      await browser.close()
      server.close()
      server.closeAllConnections()
      handler.close()
    }
  })
})
