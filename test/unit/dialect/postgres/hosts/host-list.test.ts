import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { hostsOf, withHost } from '../../../../../src/dialect/postgres/hosts/host-list.js'
import { hostInWords } from '../../../../../src/dialect/postgres/connection/host.js'
import {
  clientConfig,
  readConnection,
  type PostgresConfig,
} from '../../../../../src/dialect/postgres/config/connection-config.js'
import { LockPool } from '../../../../../src/postgres-lock-pool.js'

beforeEach(() => {
  for (const name of ['DATABASE_URL', 'PGHOST', 'PGPORT', 'PGTARGETSESSIONATTRS']) vi.stubEnv(name, undefined)
})

afterEach(() => {
  vi.unstubAllEnvs()
})

function configOf(connection: PostgresConfig | undefined): pg.ClientConfig {
  const { settings, problem } = readConnection(connection)
  expect(problem).toBeNull()
  return clientConfig(settings, 'app')
}

/** For each host of the list: the address in words, and the address to which a client of `pg` would connect for it. */
function placesOf(connection: PostgresConfig | undefined): {
  said: string[]
  met: string[]
  target: unknown
} {
  const config = configOf(connection)
  const list = hostsOf(config)!
  const met = list.hosts.map((host) => {
    const there = withHost(config as Record<string, unknown>, host)
    return hostInWords(new pg.Client(there))
  })
  return { said: list.hosts.map(hostInWords), met, target: list.target }
}

const LISTS: readonly (readonly [string, PostgresConfig, readonly string[], string])[] = [
  ['ports in a URL', 'postgres://u:p@a:1,b:2/db', ['a:1', 'b:2'], 'primary'],
  ['a port that is left out is 5432', 'postgres://a,b:5433/db', ['a:5432', 'b:5433'], 'primary'],
  ['no ports', 'postgres://a,b,c/db', ['a:5432', 'b:5432', 'c:5432'], 'primary'],
  [
    'libpq says which will do',
    'postgresql://a,b:5433/db?target_session_attrs=read-write&sslmode=disable',
    ['a:5432', 'b:5433'],
    'read-write',
  ],
  ['any', 'postgres://a,b/db?target_session_attrs=any', ['a:5432', 'b:5432'], 'any'],
  ['one host, and what it has to be', 'postgres://a:7/db?target_session_attrs=primary', ['a:7'], 'primary'],
  [
    'addresses of version 6',
    'postgres://[::1]:1,[fe80::2],h/db',
    ['[::1]:1', '[fe80::2]:5432', 'h:5432'],
    'primary',
  ],
  ['sockets', 'postgres://u@%2Fvar%2Frun%2Fpg:5433,b/db', ['/var/run/pg/.s.PGSQL.5433', 'b:5432'], 'primary'],
  ['hosts in the query', 'postgres:///db?host=a,/tmp&port=1,2', ['a:1', '/tmp/.s.PGSQL.2'], 'primary'],
  ['the query wins', 'postgres://x:9/db?host=a,b&port=7', ['a:7', 'b:7'], 'primary'],
  ['an object with texts', { host: 'a,b', port: '1,2' }, ['a:1', 'b:2'], 'primary'],
  ['an object with lists', { host: ['a', '::1'], port: [1, '2'] }, ['a:1', '[::1]:2'], 'primary'],
  ['one port for all', { host: ['a', 'b'], port: 7 }, ['a:7', 'b:7'], 'primary'],
  ['an empty port is the usual one', { host: 'a,b', port: ',7' }, ['a:5432', 'b:7'], 'primary'],
  ['an object', { host: 'a', port: 7, target_session_attrs: 'read-write' }, ['a:7'], 'read-write'],
  ['an @ in the password', 'postgres://u:p%40ss@a:1,b:2/db', ['a:1', 'b:2'], 'primary'],
  ['a path and a database', '/tmp,/var/run db', ['/tmp/.s.PGSQL.5432', '/var/run/.s.PGSQL.5432'], 'primary'],
]

describe('lists of hosts', () => {
  test.each(LISTS)('%s', (_, connection, places, target) => {
    expect(placesOf(connection)).toEqual({ said: places, met: places, target })
  })

  test('other settings apply to every host', () => {
    const config = configOf('postgres://me:se%2Fcret@a:1,b:2/orders?application_name=x&port=3,4#f')
    const { hosts } = hostsOf(config)!
    for (const host of hosts) {
      const client = new pg.Client(withHost(config as Record<string, unknown>, host))
      const { user, password, database, port } = client
      expect({ user, password, database, port }).toEqual({
        user: 'me',
        password: 'se/cret',
        database: 'orders',
        port: host.port,
      })
    }
  })

  test('the environment has lists as well', () => {
    vi.stubEnv('PGHOST', 'a,b')
    vi.stubEnv('PGPORT', '1,2')
    vi.stubEnv('PGTARGETSESSIONATTRS', 'read-write')
    const places = ['a:1', 'b:2']
    expect(placesOf(undefined)).toEqual({ said: places, met: places, target: 'read-write' })
    expect(placesOf('postgres:///db')).toEqual({ said: places, met: places, target: 'read-write' })
    expect(placesOf({ database: 'x' })).toEqual({ said: places, met: places, target: 'read-write' })
    vi.stubEnv('PGPORT', '7')
    expect(placesOf({ host: ['c', 'd'] }).said).toEqual(['c:7', 'd:7'])
    expect(placesOf('postgres://c,d/').said, 'libpq takes no port of the environment here').toEqual([
      'c:5432',
      'd:5432',
    ])
  })

  test('one host alone works as before', () => {
    for (const connection of ['postgres://h/db', '/tmp db', { host: 'h' }, undefined])
      expect(hostsOf(configOf(connection))).toBeNull()
  })

  test('settings that are handed on keep the list, unless they are turned to another host', () => {
    const config = configOf('postgres://a,b:5433/db')
    expect(hostsOf(configOf(config))).toEqual(hostsOf(config))
    expect(hostsOf(configOf({ ...config }))).toEqual(hostsOf(config))
    expect(hostsOf(configOf({ ...config, connectionString: 'postgres://c/db' }))).toBeNull()
    const parts = configOf({ host: 'a,b' })
    expect(hostsOf(configOf({ ...parts, host: 'c' }))).toBeNull()
    expect(hostsOf(configOf({ ...parts, port: 7 }))).toBeNull()
  })

  test('the options of a pool show its first host', async () => {
    const locks = new LockPool({ connection: 'postgres://u:secret@a:1,b:2/db' })
    expect(locks.connections.options).toMatchObject({ host: 'a', port: 1, database: 'db' })
    await locks.close()
  })
})

describe('invalid lists', () => {
  test.each<[string, PostgresConfig, string]>([
    [
      'an empty host',
      'postgres://a,,b/db',
      'has an empty host in its list of 3, which would be a server on this machine',
    ],
    [
      'a comma at the end',
      { host: 'a,' },
      'has an empty host in its list of 2, which would be a server on this machine',
    ],
    ['an empty list', { host: [] }, 'has an empty list as "host"'],
    ['too many ports', 'postgres:///db?host=a,b&port=1,2,3', 'has 3 ports for 2 hosts'],
    ['ports without hosts', { host: 'a', port: '1,2' }, 'has 2 ports for one host'],
    ['a port too large', 'postgres://a:1,b:99999/db', 'has "99999" in its list of ports, which is no port'],
    ['a port that is a word', 'postgres://a:x,b/db', 'has "x" in its list of ports, which is no port'],
    ['no text', { host: ['a', 5] as never }, 'has 5 in its list of hosts'],
    [
      'a port within a host',
      { host: ['a:1', 'b:2'] },
      'has "a:1" in its list of hosts: ports belong into "port", in the same order',
    ],
    ['a space', { host: 'a b,c' }, 'has "a b" in its list of hosts, which is no host'],
    [
      'a standby',
      'postgres://a,b/db?target_session_attrs=prefer-standby',
      'has target_session_attrs=prefer-standby in it, and a lock on a standby does not exclude holders on the primary',
    ],
    [
      'a word',
      'postgres://a/db?target_session_attrs=master',
      'has "master" as target_session_attrs, which must be "any" or "primary" or "read-write"',
    ],
    ['too many', { host: Array.from({ length: 33 }, (_, i) => `h${i}`) }, 'has 33 hosts, and may have 32'],
  ])('%s', (_, connection, problem) => {
    const message = `"connection" ${problem}`
    expect(readConnection(connection).problem).toBe(message)
    expect(() => new LockPool({ connection })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    )
  })

  test('the environment can be invalid as well', () => {
    vi.stubEnv('PGTARGETSESSIONATTRS', 'standby')
    expect(readConnection('postgres://a/db').problem).toContain('target_session_attrs=standby')
  })

  test('no message has the password in it', () => {
    expect(readConnection('postgres://u:secret@a:1,b:99999/db').problem).not.toContain('secret')
  })
})
