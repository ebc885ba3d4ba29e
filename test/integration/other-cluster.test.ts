import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EmbeddedPostgres } from '../../src/embedded/index.js'
import { LockPool, type LockPoolOptions } from '../../src/postgres-lock-pool.js'
import { rejection } from '../support/fake-world.js'
import { startServer } from '../support/own-server.js'
import { TcpProxy } from '../support/tcp-proxy.js'

/** One address leads to one server, and later to another, as after a failover or a mistake in DNS. */

let servers: EmbeddedPostgres[] = []
let urls: string[] = []

beforeAll(async () => {
  servers = await Promise.all([startServer(), startServer()])
  urls = await Promise.all(servers.map(({ url }) => withRole(url)))
}, 60_000)

afterAll(() => Promise.all(servers.map((server) => server.stop())))

/** Creates the same role with the same password on a server. Returns the URL of that role. */
async function withRole(url: string): Promise<string> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`CREATE ROLE app SUPERUSER LOGIN PASSWORD 'app'`)
  await client.end()
  return Object.assign(new URL(url), { username: 'app', password: 'app' }).href
}

interface Seen {
  readonly locks: LockPool
  readonly changes: { readonly host: string; readonly downMs: number }[]
  readonly lost: Promise<unknown>
  readonly leadAway: () => void
}

/** Creates a pool that holds a lock on the first server. */
async function seen(way: TcpProxy, options: LockPoolOptions): Promise<Seen> {
  const locks = new LockPool({ connection: way.url, leaseMs: 2000, namespace: options.backend!, ...options })
  const changes: Seen['changes'] = []
  locks.on('primary:changed', ({ host, downMs }) => changes.push({ host, downMs }))
  const lock = await locks.acquire('one')
  const lost = new Promise((resolve) => lock.signal.addEventListener('abort', resolve))
  const leadAway = (): void => {
    way.leadTo(urls[1]!)
    way.reset()
  }
  return { locks, changes, lost, leadAway }
}

describe.each(['advisory', 'table'] as const)('backend %s', (backend) => {
  test('another cluster is refused, because it does not know the locks of this one', async () => {
    await using way = await TcpProxy.to(urls[0]!)
    const { locks, changes, lost, leadAway } = await seen(way, { backend })
    leadAway()
    await lost
    const error = await rejection(locks.acquire('one', { timeoutMs: 20_000 }))
    expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: false })
    expect(error.message).toContain('belongs to another database cluster')
    expect(changes).toEqual([])
    await locks.close({ graceMs: 0 })
  })

  test('an allowed other cluster is reported as another primary', async () => {
    await using way = await TcpProxy.to(urls[0]!)
    const { locks, changes, lost, leadAway } = await seen(way, { backend, otherCluster: 'allow' })
    leadAway()
    await lost
    const lock = await locks.acquire('one', { timeoutMs: 20_000 })
    expect(changes).toEqual([{ host: new URL(way.url).host, downMs: expect.any(Number) }])
    expect(locks.snapshot().primary).toMatchObject({ changes: 1 })
    await lock.release()
    await locks.close({ graceMs: 0 })
  })
})
