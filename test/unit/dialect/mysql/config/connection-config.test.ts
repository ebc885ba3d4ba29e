import { afterEach, describe, expect, test, vi } from 'vitest'
import { hostsOf } from '../../../../../src/dialect/mysql/hosts/host-list.js'
import { mysqlConfig, type MysqlConfig } from '../../../../../src/dialect/mysql/config/connection-config.js'

afterEach(() => vi.unstubAllEnvs())

describe('a URL', () => {
  test('contains all settings, and encoded parts are decoded', () => {
    const { config, problem } = mysqlConfig(
      'mysql://us%40er:p%2Fw@db.example:3307/sh%20op?connectTimeout=500&timezone=Z',
    )

    expect(problem).toBeNull()
    expect(config).toMatchObject({
      ...{ user: 'us@er', password: 'p/w', host: 'db.example', port: 3307, database: 'sh op' },
      ...{ connectTimeout: 500, timezone: 'Z', enableKeepAlive: true },
    })
  })

  test('may be of MariaDB, an IPv6 address, or an object', () => {
    expect(mysqlConfig(new URL('mariadb://[::1]/x')).config).toMatchObject({ host: '::1', database: 'x' })
    expect(mysqlConfig({ host: 'h', database: 'd' }).config).toMatchObject({ host: 'h', database: 'd' })
  })

  test('is that of DATABASE_URL if no other is given', () => {
    vi.stubEnv('DATABASE_URL', 'mysql://h/d')
    expect(mysqlConfig(undefined).config).toMatchObject({ host: 'h', database: 'd' })
    vi.stubEnv('DATABASE_URL', 'postgres://h/d')
    expect(mysqlConfig(undefined).problem).toMatch(/^DATABASE_URL can't be understood/)
  })

  test.each([
    ['postgres://u:secret@h/d', /postgres: is not MySQL/],
    ['u:secret@h', /is not MySQL|not a URL/],
    ['', /not a URL/],
    ['mysql://u:%zz@h/d', /not well encoded/],
    [{ host: 5 }, /"host" must be a text/],
    [null, /must be a URL or an object/],
    [[], /must be a URL or an object/],
    [{ hosts: ['a', 'b'] }, /"hosts" in it, which mysql2 knows as "host"/],
    [{ Host: 'a' }, /"Host" in it, which mysql2 knows as "host"/],
    [{ host: 'a', socket_path: '/s' }, /"socket_path" in it, which mysql2 knows as "socketPath"/],
    [{ host: 'a', retries: 3 }, /"retries" in it, which mysql2 does not know/],
    [{ uri: 'mysql://u:secret@h/d' }, /"uri" in it: give the URL itself/],
    [{ port: 'b' }, /"port" must be from 1 to 65535, got "b"/],
    [{ port: 0 }, /"port" must be from 1 to 65535/],
    [{ port: 1.5 }, /"port" must be from 1 to 65535/],
    [{ ssl: true }, /"ssl" must be an object or the name of a profile/],
    ['mysql://h/d?ssl=true', /"ssl" must be an object/],
    ['mysql://h/d?ssl-mode=REQUIRED', /"ssl-mode" in it, which mysql2 knows as "ssl"/],
    [{ password: () => 'secret' }, /"password" must be a text, and is a function/],
    [{ stream: {} }, /"stream" must be a function/],
    ['mysql://u:secret@a,,b/d', /an empty host in its list of 3/],
    ['mysql://u:secret@a:1,b:x/d', /"x" in its list of ports/],
    ['mysql://a,b/d?port=1,2,3', /3 ports for 2 hosts/],
    ['mysql://a,b/d?target_session_attrs=standby', /a lock on a standby does not exclude/],
    ['mysql://a,b/d?target_session_attrs=any', /must be "primary" or "read-write"/],
    [{ host: ['a:3306', 'b'] }, /ports belong into "port"/],
    [{ host: [] }, /an empty list as "host"/],
    [{ host: ['a', '/run/mysqld'] }, /which is no host/],
    [{ host: ['a', 'b'], socketPath: '/s' }, /a socket leads to one server/],
  ])('%j is refused, without its password', (connection, message) => {
    const { problem } = mysqlConfig(connection as never)
    expect(problem).toMatch(message)
    expect(problem).not.toContain('secret')
  })
})

test('settings that the driver knows, of connections and of its pools, are accepted, and so is a port in a text', () => {
  const { config, problem } = mysqlConfig({
    ...{ host: 'h', port: '3307', user: 'u', ssl: {}, connectionLimit: 5, timezone: 'Z' },
  })
  expect(problem).toBeNull()
  expect(config).toMatchObject({ host: 'h', port: 3307 })
})

test('a parameter of a URL that is meant for another program is left out', () => {
  const { config, problem } = mysqlConfig('mysql://h/d?connection_limit=5&pool_timeout=2')
  expect([problem, Object.keys(config)]).toEqual([null, expect.not.arrayContaining(['connection_limit'])])
  expect(mysqlConfig(config).problem).toBeNull()
})

describe('several hosts', () => {
  test.each<[string, MysqlConfig, string[], string]>([
    ['in a URL', 'mysql://u:p@a:1,b:2/db', ['a:1', 'b:2'], 'primary'],
    ['without ports', 'mysql://u:p%2C@a,b,c/db', ['a:3306', 'b:3306', 'c:3306'], 'primary'],
    ['with brackets', 'mariadb://[::1]:1,[fe80::2]/db', ['::1:1', 'fe80::2:3306'], 'primary'],
    ['in the query', 'mysql:///db?host=a,b&port=7', ['a:7', 'b:7'], 'primary'],
    ['as an array', { host: ['a', 'b'], port: [1, 2], database: 'db' }, ['a:1', 'b:2'], 'primary'],
    ['with commas', { host: 'a,b', port: '1,2', database: 'db' }, ['a:1', 'b:2'], 'primary'],
    ['or one, with a target', 'mysql://a/db?target_session_attrs=read-write', ['a:3306'], 'read-write'],
  ])('%s', (_, connection, places, target) => {
    const { config, problem } = mysqlConfig(connection)
    expect(problem).toBeNull()
    const list = hostsOf(config)!
    expect(list.hosts.map(({ host, port }) => `${host}:${port}`)).toEqual(places)
    expect(list.target).toBe(target)
    expect(config).toMatchObject({ ...list.hosts[0], database: 'db' })
    expect(Object.keys(config)).not.toContain('target_session_attrs')
    expect(hostsOf({ ...config, connectAttributes: {} }), 'a copy has the list').toBe(list)
    expect(hostsOf(mysqlConfig(config).config), 'checked settings can be checked again').toBe(list)
    expect(hostsOf({ ...config, host: 'other' })).toBeNull()
  })

  test('one host is no list', () => {
    for (const connection of ['mysql://a:1/db', { host: 'a', port: 1 }, {}])
      expect(hostsOf(mysqlConfig(connection).config)).toBeNull()
  })
})
