import type { ConnectionOptions } from 'mysql2'
import { describe, expect, test } from 'vitest'
import { mysqlConfig } from '../../../../../src/dialect/mysql/config/connection-config.js'
import type {
  OwnRecord,
  ServerConnection,
} from '../../../../../src/dialect/mysql/connection/server-connection.js'
import { PrimaryFinder } from '../../../../../src/dialect/mysql/hosts/primary-finder.js'
import { REPLICATION, ROLE_STATUS, ROLE_VARIABLES } from '../../../../../src/dialect/mysql/hosts/role-sql.js'
import { ManualClock } from '../../../../../src/testing/manual-clock.js'

const answer = (errno: number, message: string): Error =>
  Object.assign(new Error(message), { errno, sqlState: 'HY000' })
const DOWN = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })

interface Fake {
  /** No connection: the error, or silence. */
  readonly fails?: Error | 'silent'
  readonly variables?: Readonly<Record<string, string>>
  readonly status?: Readonly<Record<string, string>>
  readonly channels?: readonly OwnRecord[] | Error
  readonly isMySql?: boolean
}

const GALERA = {
  variables: { wsrep_on: 'ON' },
  status: { wsrep_ready: 'ON', wsrep_cluster_status: 'Primary' },
}
const REPLICA: Fake = {
  channels: [
    { Slave_IO_Running: 'Connecting', Slave_SQL_Running: 'Yes', Master_Host: 'm', Master_Port: 3306 },
  ],
}

/** Servers by their names, and what happens to connections to them. */
class FakeServers {
  readonly clock = new ManualClock()
  readonly asked: string[] = []
  readonly ended: string[] = []
  servers: Record<string, Fake>

  constructor(servers: Record<string, Fake>) {
    this.servers = servers
  }

  finder(connection: string): PrimaryFinder {
    return new PrimaryFinder(mysqlConfig(connection).config, {
      clock: this.clock,
      open: (config, signal) => this.#open(config, signal),
    })
  }

  /** The host of the next connection, or the error. */
  async next(finder: PrimaryFinder, signal = new AbortController().signal): Promise<unknown> {
    let found: unknown = 'nothing yet'
    finder.open(signal).then(
      ({ place }) => (found = place),
      (error: unknown) => (found = error),
    )
    await this.clock.run(2000)
    return found
  }

  async #open({ host = '' }: ConnectionOptions, signal: AbortSignal): Promise<ServerConnection> {
    this.asked.push(host)
    const { fails, variables = {}, status = {}, channels = [], isMySql = false } = this.servers[host]!
    if (fails === 'silent')
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      )
    if (fails !== undefined) throw fails
    return {
      place: host,
      isMariaDb: !isMySql,
      say: async (sql: string) =>
        Object.entries({ [ROLE_VARIABLES]: variables, [ROLE_STATUS]: status }[sql]!),
      records: async (sql: string) => {
        if (isMySql && sql === REPLICATION.mysql && variables['version'] === '8.0.20')
          throw answer(1064, 'syntax')
        if (channels instanceof Error) throw channels
        return channels
      },
      close: async () => void this.ended.push(host),
      destroy: () => void this.ended.push(host),
    } as unknown as ServerConnection
  }
}

describe('of several hosts', () => {
  test('the first suitable one is used, and no other is asked', async () => {
    const servers = new FakeServers({ a: {}, b: {} })
    expect(await servers.next(servers.finder('mysql://a,b/d'))).toBe('a')
    expect(servers.asked).toEqual(['a'])
    expect(servers.clock.armed).toBe(0)
  })

  test.each<[string, Fake]>([
    ['is down', { fails: DOWN }],
    ['says nothing', { fails: 'silent' }],
    ['is read-only', { variables: { read_only: 'ON' } }],
    ['is read-only for all users', { variables: { super_read_only: 'ON' } }],
    ['is a replica', REPLICA],
    [
      'is a replica, as MySQL says it',
      {
        isMySql: true,
        channels: [{ Replica_IO_Running: 'Yes', Replica_SQL_Running: 'No', Source_Host: 'm' }],
      },
    ],
    [
      'is a replica of an older MySQL',
      { isMySql: true, variables: { version: '8.0.20' }, channels: [{ Slave_SQL_Running: 'Yes' }] },
    ],
    [
      'is a replica, whose user may not look',
      { channels: answer(1227, 'denied'), status: { Slaves_running: '1' } },
    ],
    ['is a Galera node that is not ready', { ...GALERA, status: { ...GALERA.status, wsrep_ready: 'OFF' } }],
    [
      'is a Galera node outside of the primary component',
      { ...GALERA, status: { ...GALERA.status, wsrep_cluster_status: 'non-Primary' } },
    ],
  ])('one that %s is passed over', async (_, first) => {
    const servers = new FakeServers({ a: first, b: {} })
    expect(await servers.next(servers.finder('mysql://a,b/d'))).toBe('b')
    expect(servers.ended).toEqual(first.fails === undefined ? ['a'] : [])
    expect(servers.clock.armed).toBe(0)
  })

  test.each<[string, Fake]>([
    [
      'a stopped replica, which may have been promoted',
      { channels: [{ Slave_IO_Running: 'No', Slave_SQL_Running: 'No' }] },
    ],
    ['a Galera node that replicates from another cluster', { ...GALERA, ...REPLICA }],
    ['a server whose user may not look for replication', { channels: answer(1227, 'denied') }],
  ])('%s is used', async (_, first) => {
    const servers = new FakeServers({ a: first, b: {} })
    expect(await servers.next(servers.finder('mysql://a,b/d'))).toBe('a')
  })

  test('a replica that takes writes is used if the target is read-write', async () => {
    const servers = new FakeServers({ a: REPLICA, b: { variables: { read_only: 'ON' } } })
    expect(await servers.next(servers.finder('mysql://a,b/d?target_session_attrs=read-write'))).toBe('a')
    expect(await servers.next(servers.finder('mysql://b,a/d?target_session_attrs=read-write'))).toBe('a')
  })

  test('the one that was used last comes first, and the next one after its loss', async () => {
    const servers = new FakeServers({ a: { fails: DOWN }, b: {} })
    const finder = servers.finder('mysql://a,b/d')
    await servers.next(finder)
    servers.servers['a'] = {}
    expect(await servers.next(finder)).toBe('b')
    servers.servers['b'] = { fails: DOWN }
    expect(await servers.next(finder)).toBe('a')
    expect(servers.asked).toEqual(['a', 'b', 'b', 'b', 'a'])
  })

  test('the error names each with its reason, and another attempt makes sense soon', async () => {
    const servers = new FakeServers({ a: { fails: DOWN }, b: { variables: { read_only: 'ON' } }, c: REPLICA })
    const error = await servers.next(servers.finder('mysql://a:1,b:2,c:3/d'))
    expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true, retryAfterMs: 250 })
    expect((error as Error).message).toBe(
      'none of 3 hosts is a primary: a:1 says: connect ECONNREFUSED; b:2 says: this server is read-only; ' +
        'c:3 says: this server is a replica of m:3306',
    )
  })

  test('an error that waiting cannot fix, on all of them, is final', async () => {
    const servers = new FakeServers({
      a: { fails: answer(1045, 'denied') },
      b: { fails: answer(1698, 'denied') },
    })
    expect(await servers.next(servers.finder('mysql://a,b/d'))).toMatchObject({ retryable: false })
  })

  test('an abort ends the search, which can say what it has found out', async () => {
    const servers = new FakeServers({ a: { fails: 'silent' }, b: { variables: { read_only: 'ON' } } })
    const finder = servers.finder('mysql://a,b/d')
    const controller = new AbortController()
    expect(await servers.next(finder, controller.signal)).toBe('nothing yet')
    expect(finder.progress(controller.signal)).toEqual({
      said: 'a:3306 says nothing; b:3306 says: this server is read-only',
      retryAfterMs: 250,
    })
    const reason = new Error('late')
    const found = servers.next(finder, controller.signal)
    controller.abort(reason)
    expect(await found).toBe(reason)
    expect(servers.clock.armed).toBe(0)
  })
})

test('a single host is opened without a look at its role', async () => {
  const servers = new FakeServers({ a: { variables: { read_only: 'ON' } } })
  const finder = servers.finder('mysql://a/d')
  expect(await servers.next(finder)).toBe('a')
  expect(finder.progress(new AbortController().signal)).toBeNull()
})
