import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LockPool } from '../../src/mysql-lock-pool.js'
import { noMariaDb, OwnMariaDb } from '../support/own-mariadb.js'
import { TcpProxy } from '../support/tcp-proxy.js'

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'an address that leads to another MariaDB', () => {
  const servers: OwnMariaDb[] = []
  const urls: string[] = []

  beforeAll(async () => {
    // The servers start one after the other, because a port counts as free until its server has started.
    for (let i = 0; i < 2; i++) {
      const server = await OwnMariaDb.start()
      servers.push(server)
      urls.push(await server.createDatabase())
    }
  }, 120_000)

  afterAll(() => Promise.all(servers.map((server) => server[Symbol.asyncDispose]())))

  test('is reported as another primary, and a lost connection is not', async () => {
    await using way = await TcpProxy.to(urls[0]!)
    const locks = new LockPool({ connection: way.url, leaseMs: 2000 })
    const changes: { readonly host: string; readonly downMs: number }[] = []
    locks.on('primary:changed', (event) => changes.push(event))
    const host = new URL(way.url).host
    const next = async (): Promise<void> => {
      const lock = await locks.acquire('one')
      const lost = new Promise((resolve) => lock.signal.addEventListener('abort', resolve))
      way.reset()
      await lost
    }
    await next()
    await next()
    expect(changes).toEqual([])
    expect(locks.snapshot().primary).toEqual({ host, timeline: null, changes: 0, downMs: 0 })

    way.leadTo(urls[1]!)
    await (await locks.acquire('one', { timeoutMs: 20_000 })).release()
    expect(changes).toEqual([{ host, timeline: null, downMs: expect.any(Number) }])
    expect(locks.snapshot().primary).toMatchObject({ host, changes: 1 })
    await locks.close({ graceMs: 0 })
  })
})
