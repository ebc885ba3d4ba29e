import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Cluster } from '../../chaos/cluster.js'
import type { PostgresConfig } from '../../src/dialect/postgres/config/connection-config.js'
import { LockPool } from '../../src/postgres-lock-pool.js'
import { lockpool } from '../support/command-line.js'
import { rejection } from '../support/fake-world.js'
import { startEmbedded, startServer } from '../support/own-server.js'
import { TcpProxy } from '../support/tcp-proxy.js'

/** A host that accepts connections and then sends nothing, like a frozen server. */
class SilentHost {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.resume()
      socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket))
    })
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get connections(): number {
    return this.#sockets.size
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** A port where no server listens. */
const NO_SERVER = 1

let cluster: Cluster
let silent: SilentHost

beforeAll(async () => {
  silent = await new SilentHost().listen()
  cluster = await Cluster.startedBy(startEmbedded)
  await cluster.addStandbys(1)
}, 60_000)

afterAll(async () => {
  await cluster.stop()
  await silent.close()
})

/** The URL of the cluster with other hosts. */
function urlOf(places: readonly string[], query = ''): string {
  const [, head, tail] = /^(.*@)[^/]*(\/.*)$/.exec(cluster.urlOf('postgres'))!
  return `${head}${places.join(',')}${tail}${query}`
}

const at = (port: number): string => `127.0.0.1:${port}`

async function withPool<T>(connection: PostgresConfig, use: (locks: LockPool) => Promise<T>): Promise<T> {
  const locks = new LockPool({ connection })
  try {
    return await use(locks)
  } finally {
    await locks.close({ graceMs: 0 })
  }
}

async function portOf(locks: LockPool): Promise<number> {
  const { rows } = await locks.connections.query<{ port: number }>('SELECT inet_server_port() AS port')
  return rows[0]!.port
}

test('among a standby, a host without a server, and a silent one, the primary is found, for locks and for borrowers', async () => {
  const { port, standbyPort } = cluster
  const places = [at(NO_SERVER), at(standbyPort!), at(silent.port), at(port)]
  await withPool(urlOf(places, '?target_session_attrs=read-write'), async (locks) => {
    await (await locks.acquire('one')).release()
    expect(await portOf(locks)).toBe(port)
  })
  await expect.poll(() => silent.connections, { message: 'nothing of the attempts is left' }).toBe(0)
})

test('lists in objects, names with several addresses', async () => {
  const { port, standbyPort } = cluster
  const { username, password, pathname } = new URL(cluster.urlOf('postgres'))
  const who = { user: username, password: decodeURIComponent(password), database: pathname.slice(1) }
  await withPool({ ...who, host: ['127.0.0.1', 'localhost'], port: [standbyPort!, port] }, async (locks) => {
    await (await locks.acquire('one')).release()
    expect(await portOf(locks)).toBe(port)
  })
})

test('sockets and addresses of version 6 may be in a list', async () => {
  const folder = tmpdir()
  const server = await startServer({ unix_socket_directories: folder })
  try {
    const { username, password } = new URL(server.url)
    const who = { user: username, password: decodeURIComponent(password), database: 'postgres' }
    const host = ['/nonexistent', '::1', folder]
    await withPool({ ...who, host, port: server.port }, async (locks) => {
      await (await locks.acquire('one')).release()
      expect(locks.snapshot().primary!.host).toBe(`${folder}/.s.PGSQL.${server.port}`)
    })
    const [, head] = /^(.*@)/.exec(server.url)!
    const url = `${head}[::1]:${server.port},${encodeURIComponent(folder)}:${server.port}/postgres`
    await withPool(url, async (locks) => (await locks.acquire('one')).release())
  } finally {
    await server.stop()
  }
})

test('a silent server gets a second attempt after a second, in parallel with the first', async () => {
  await using way = await TcpProxy.to(cluster.urlOf('postgres'))
  way.isSilent = true
  await withPool(way.url, async (locks) => {
    const waiting = locks.acquire('one')
    await expect.poll(() => way.attempts).toBe(1)
    way.isSilent = false
    await (await waiting).release()
    expect(way.attempts, 'the first two, and what the pool opens besides').toBeGreaterThan(1)
  })
})

/** A list without a suitable host, and the error for it. The error names each host with its answer. */
interface BadList {
  readonly what: string
  readonly places: () => readonly string[]
  readonly message: () => string
  readonly query?: string
  readonly isWorthRetrying?: boolean
  readonly isSoon?: boolean
}

const BAD_LISTS: readonly BadList[] = [
  {
    what: 'all down, on ports of their own',
    places: () => ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3'],
    message: () =>
      'none of 3 hosts is a primary: 127.0.0.1:1 says: connect ECONNREFUSED 127.0.0.1:1; ' +
      '127.0.0.1:2 says: connect ECONNREFUSED 127.0.0.1:2; 127.0.0.1:3 says: connect ECONNREFUSED 127.0.0.1:3',
  },
  {
    what: 'all standbys',
    places: () => [at(cluster.standbyPort!), `[::ffff:127.0.0.1]:${cluster.standbyPort!}`],
    message: () =>
      `none of 2 hosts is a primary: ${at(cluster.standbyPort!)} is a read-only standby; ` +
      `[::ffff:127.0.0.1]:${cluster.standbyPort!} is a read-only standby`,
    isSoon: true,
  },
  {
    what: 'a standby, and no server behind the other',
    places: () => [at(cluster.standbyPort!), '127.0.0.1:1'],
    message: () =>
      `none of 2 hosts is a primary: ${at(cluster.standbyPort!)} is a read-only standby; ` +
      '127.0.0.1:1 says: connect ECONNREFUSED 127.0.0.1:1',
    isSoon: true,
  },
  {
    what: 'names that are not known',
    places: () => ['one.invalid', 'two.invalid:7'],
    message: () =>
      'none of 2 hosts is a primary: one.invalid:5432 says: getaddrinfo ENOTFOUND one.invalid; ' +
      'two.invalid:7 says: getaddrinfo ENOTFOUND two.invalid',
  },
  {
    what: 'addresses of version 6',
    places: () => ['[::1]:1', '[::1]:2'],
    message: () =>
      'none of 2 hosts is a primary: [::1]:1 says: connect ECONNREFUSED ::1:1; ' +
      '[::1]:2 says: connect ECONNREFUSED ::1:2',
  },
  {
    what: 'sockets that are not there, beside an address',
    places: () => ['%2Fnonexistent', '%2Ftmp%2Fnot-there:7', '127.0.0.1:1'],
    message: () =>
      'none of 3 hosts is a primary: /nonexistent/.s.PGSQL.5432 says: connect ENOENT /nonexistent/.s.PGSQL.5432; ' +
      '/tmp/not-there/.s.PGSQL.7 says: connect ENOENT /tmp/not-there/.s.PGSQL.7; ' +
      '127.0.0.1:1 says: connect ECONNREFUSED 127.0.0.1:1',
  },
  {
    what: 'a primary whose sessions only read, where they have to write',
    places: () => [at(cluster.port), '127.0.0.1:1'],
    message: () =>
      `none of 2 hosts is a writable primary: ${at(cluster.port)} is a primary whose sessions only read ` +
      '(default_transaction_read_only); 127.0.0.1:1 says: connect ECONNREFUSED 127.0.0.1:1',
    query: '?target_session_attrs=read-write&options=-c%20default_transaction_read_only%3Don',
    isSoon: true,
  },
  {
    what: 'settings that no server takes',
    places: () => [at(cluster.port), at(cluster.standbyPort!)],
    message: () =>
      `none of 2 hosts is a primary: ${at(cluster.port)} says: unrecognized configuration parameter "nonsense" (42704); ` +
      `${at(cluster.standbyPort!)} says: unrecognized configuration parameter "nonsense" (42704)`,
    query: '?options=-c%20nonsense%3D1',
    isWorthRetrying: false,
  },
]

test.each(BAD_LISTS)(
  'if no host is suitable, the error names each with its answer: $what',
  async ({ places, message, query = '', isWorthRetrying = true, isSoon = false }) => {
    await withPool(urlOf(places(), query), async (locks) => {
      const error = await rejection(locks.acquire('one'))
      expect(error.message).toBe(message())
      expect(error).toMatchObject({
        name: 'ConnectionError',
        code: 'CONNECTION_FAILED',
        retryable: isWorthRetrying,
        retryAfterMs: isSoon ? 250 : null,
      })
      expect(error.message).not.toContain(new URL(cluster.urlOf('postgres')).password)
      if (!isWorthRetrying) return
      // A caller with a time limit gets the same error, as the cause of its timeout.
      expect(await rejection(locks.acquire('one', { timeoutMs: 900 }))).toMatchObject({
        code: 'LOCK_TIMEOUT',
        phase: 'connecting',
        cause: { code: 'CONNECTION_FAILED', message: message() },
      })
    })
  },
)

test('a host that says nothing is named as well, when the time for connecting is over', async () => {
  const locks = new LockPool({ connection: urlOf(['127.0.0.1:1', at(silent.port)]), connectTimeoutMs: 500 })
  const error = await rejection(locks.acquire('one'))
  expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true, retryAfterMs: null })
  expect(error.message).toBe(
    `no connection within 500 ms: 127.0.0.1:1 says: connect ECONNREFUSED 127.0.0.1:1; ${at(silent.port)} says nothing`,
  )
  await locks.close({ graceMs: 0 })
})

test('commands take lists of hosts too, and any server if the URL says so', async () => {
  const both = [at(cluster.standbyPort!), at(cluster.port)]
  const ls = lockpool(['ls'], { url: urlOf(both) })
  expect(await ls.ended).toBe(0)
  expect(ls.out.toString()).not.toContain('standby')
  const standby = lockpool(['ls'], { url: urlOf(both.slice(0, 1), '?target_session_attrs=any') })
  expect(await standby.ended).toBe(0)
  expect(standby.out.toString()).toContain('standby')
})

test('after a failover the pool finds the new primary, and tries it first from then on', async () => {
  const places = [at(cluster.port), at(cluster.standbyPort!)]
  const standbyPort = cluster.standbyPort!
  await withPool(urlOf(places), async (locks) => {
    const changes: unknown[] = []
    locks.on('primary:changed', (event) => changes.push(event))
    const before = await locks.acquire('one')
    const lost = new Promise((resolve) => before.signal.addEventListener('abort', resolve))
    const failingOver = cluster.failOver({ whileBehind: () => Promise.resolve(), signal: 'SIGKILL' })
    await lost
    // A caller with a time limit waits through the failover, and gets no error.
    const [after] = await Promise.all([locks.acquire('one', { timeoutMs: 30_000 }), failingOver])
    expect(after.token).toBeGreaterThan(before.token)
    expect(await portOf(locks)).toBe(standbyPort)
    const { downMs } = changes[0] as { downMs: number }
    expect(changes).toEqual([{ host: places[1], timeline: 2, downMs }])
    expect(locks.snapshot().primary).toEqual({ host: places[1], timeline: 2, changes: 1, downMs })
    await after.release()
  })
}, 60_000)
