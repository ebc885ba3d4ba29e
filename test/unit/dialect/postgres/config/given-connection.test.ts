import { runInNewContext } from 'node:vm'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  clientConfig,
  readConnection,
  type PostgresConfig,
} from '../../../../../src/dialect/postgres/config/connection-config.js'
import { LockPool } from '../../../../../src/postgres-lock-pool.js'

// The environment names another server than the configuration, as in many containers.
beforeEach(() => {
  for (const [name, value] of Object.entries({ PGHOST: 'elsewhere', PGPORT: '1', PGUSER: 'nobody' }))
    vi.stubEnv(name, value)
  vi.stubEnv('DATABASE_URL', undefined)
})

afterEach(() => {
  vi.unstubAllEnvs()
})

const URL_OF = 'postgres://me:secret@here:7777/orders'

class Getters {
  readonly #host = 'here'
  get host(): string {
    return this.#host
  }
  get port(): number {
    return 7777
  }
  get user(): string {
    return 'me'
  }
  get password(): string {
    return 'secret'
  }
  get database(): string {
    return 'orders'
  }
}

class UrlGetter {
  get connectionString(): string {
    return URL_OF
  }
  get ssl(): boolean {
    return true
  }
}

class Inheriting extends Getters {
  readonly application_name = 'mine'
}

const PARTS = { host: 'here', port: 7777, user: 'me', password: 'secret', database: 'orders' }

/** The address and the credentials that a client with this configuration would use. */
function whereTo(connection: unknown): object {
  const { settings, problem } = readConnection(connection as PostgresConfig)
  expect(problem).toBeNull()
  const { host, port, user, password, database } = new pg.Client(clientConfig(settings, 'app'))
  return { host, port, user, password, database }
}

describe("the server's address, in every form", () => {
  test.each<[string, unknown]>([
    ['a string', URL_OF],
    ['a String object', new String(URL_OF)],
    ['a URL', new URL(URL_OF)],
    [
      'a URL of another realm',
      runInNewContext(
        `Object.create({ get href() { return ${JSON.stringify(URL_OF)} }, [Symbol.toStringTag]: 'URL' })`,
      ),
    ],
    ['an object', PARTS],
    ['an object with a string', { connectionString: URL_OF }],
    ['an object with a URL', { connectionString: new URL(URL_OF) }],
    ['a frozen object', Object.freeze({ ...PARTS })],
    ['an object without a prototype', Object.assign(Object.create(null), PARTS)],
    ['what an object inherits', Object.create(PARTS)],
    ['what an object inherits from afar', Object.create(Object.create({ connectionString: URL_OF }))],
    ['getters of a class with private fields', new Getters()],
    ['getters of the class above', new Inheriting()],
    ['a getter of the string', new UrlGetter()],
    [
      'what is not enumerable',
      Object.defineProperty({ ...PARTS, password: undefined }, 'password', { value: 'secret' }),
    ],
    ['a port as text', { ...PARTS, port: '7777' }],
    ['what a pg.Pool was made with', new pg.Pool(PARTS).options],
    [
      'a proxy that answers only what it is asked',
      new Proxy({}, { get: (_, name) => PARTS[name as 'host'] }),
    ],
    [
      'a proxy that throws for what it does not have',
      new Proxy(PARTS, {
        get: (all, name) => {
          if (!(name in all)) throw new ReferenceError('not there')
          return all[name as 'host']
        },
      }),
    ],
    ['a config that leaves some of it undefined', { connectionString: undefined, ssl: undefined, ...PARTS }],
  ])('%s', (_, connection) => {
    expect(whereTo(connection)).toEqual(PARTS)
  })

  test('the environment stays as it is without options, and an empty variable counts as unset', () => {
    const environment = { host: 'elsewhere', port: 1, user: 'nobody' }
    for (const connection of [{}, { connectionString: undefined }, { ssl: true }, Object.create(null)])
      expect(whereTo(connection)).toMatchObject(environment)
    vi.stubEnv('DATABASE_URL', '')
    expect(whereTo(undefined)).toMatchObject(environment)
    vi.stubEnv('DATABASE_URL', URL_OF)
    expect(whereTo(undefined)).toEqual(PARTS)
    expect(whereTo('postgres://there/other')).toMatchObject({ host: 'there', database: 'other' })
  })

  test('a getter is called once, so the checked value is the used one', () => {
    const host = vi.fn(() => 'here')
    const locks = new LockPool({ connection: Object.defineProperty<object>({}, 'host', { get: host }) })
    expect(host).toHaveBeenCalledTimes(1)
    return locks.close()
  })

  test('other settings from getters and prototypes are in force as well', () => {
    const { settings } = readConnection(new UrlGetter())
    expect(new pg.Client(clientConfig(settings, 'app')).ssl).toBe(true)
    expect(clientConfig(readConnection(new Inheriting()).settings, 'app')).toMatchObject({
      application_name: 'mine',
    })
    class Options {
      get connection(): string {
        return URL_OF
      }
      get max(): number {
        return 3
      }
    }
    const locks = new LockPool(new Options())
    expect(locks.connections.options.max).toBe(3)
    return locks.close()
  })
})

describe('invalid connections', () => {
  const pool = new pg.Pool({ connectionString: URL_OF })
  const thrower = Object.defineProperty({}, 'password', {
    enumerable: true,
    get: () => {
      throw new Error('secret')
    },
  })

  test.each<[string, unknown, RegExp]>([
    ['a pg.Pool', pool, /is a pool or a client.*"options"/],
    ['a pg.Client', new pg.Client({ connectionString: URL_OF }), /is a pool or a client/],
    [
      'what looks like a pool',
      { connect: () => null, query: () => null, host: 'h' },
      /is a pool or a client/,
    ],
    ['null', null, /got null/],
    ['a number', 5, /got 5/],
    ['true', true, /got true/],
    ['an array', [URL_OF], /got an array/],
    ['a function', () => URL_OF, /got a function/],
    ['a symbol', Symbol('s'), /got Symbol/],
    ['a Map', new Map([['host', 'h']]), /no setting that pg knows/],
    ['a Date', new Date(), /no setting that pg knows/],
    ['a promise', Promise.resolve(URL_OF), /no setting that pg knows/],
    ['an object for something else', { client: 'x', pool: 5 }, /no setting .*"client", "pool"/],
    ['a pool without a place', { max: 5, idleTimeoutMillis: 7 }, /no setting that pg knows/],
    ['an empty string', '', /it is empty/],
    ['an empty String object', new String(''), /it is empty/],
    ['an object with an empty string', { connectionString: '' }, /it is empty/],
    ['blanks', '  ', /not a URL/],
    ['a name', 'orders', /not a URL/],
    ['words of libpq', 'host=h password=secret', /not a URL/],
    ['a URL without a scheme', 'me:secret@here:7777/orders', /not a URL/],
    ['mysql', 'mysql://u:secret@h/db', /mysql: is not PostgreSQL/],
    ['mysql in an object', { connectionString: 'mysql://u:secret@h/db' }, /mysql: is not PostgreSQL/],
    ['mysql as a URL', new URL('mysql://u:secret@h/db'), /mysql: is not PostgreSQL/],
    ['redis', 'rediss://:secret@h', /rediss: is not PostgreSQL/],
    ['http', 'https://h/db?password=secret', /https: is not PostgreSQL/],
    ['JDBC', 'jdbc:postgresql://h/db?password=secret', /not a URL/],
    ['a port that is none', 'postgres://u:secret@h:x/db', /not a URL/],
    ['a port out of range', 'postgres://u:secret@host:99999/db', /not a URL/],
    ['port 0', { host: 'h', port: 0.5 }, /port is not one/],
    ['a service', 'postgres:///?service=orders', /no service files/],
    ['a service in an object', { service: 'orders' }, /no service files/],
    ['hostaddr', 'postgres:///db?hostaddr=10.0.0.1', /"hostaddr".*"host"/],
    ['dbname in the query', 'postgres://h?dbname=orders', /"dbname".*path/],
    ['url', { url: URL_OF }, /"url".*"connectionString"/],
    ['uri', { uri: URL_OF }, /"uri".*"connectionString"/],
    ['a misspelt string', { connectionstring: URL_OF }, /"connectionstring".*"connectionString"/],
    ['username', { ...PARTS, user: undefined, username: 'me' }, /"username".*"user"/],
    ['dbName', { host: 'h', dbName: 'orders' }, /"dbName".*"database"/],
    ['sslmode in an object', { host: 'h', sslmode: 'require' }, /"sslmode".*"ssl"/],
    ['statementTimeout', { host: 'h', statementTimeout: 5 }, /"statementTimeout".*"statement_timeout"/],
    [
      'what a getter of a class says',
      new (class {
        get uri() {
          return URL_OF
        }
        get ssl() {
          return true
        }
      })(),
      /"uri"/,
    ],
    ['options within', { connection: URL_OF }, /one level higher|no setting/],
    ['options within, and a host', { host: 'h', connection: URL_OF }, /one level higher/],
    ['a getter that throws', thrower, /"password" throws/],
    ['a host that is none', { host: 5 }, /"host" must be a text/],
    ['a user that is none', { user: {} }, /"user" must be a text/],
    ['options that are none', { options: { max: 5 } }, /"options" must be a text/],
    ['a string that is none', { connectionString: 5 }, /"connectionString" must be a text/],
    ['a password that is none', { host: 'h', password: 12_345 }, /"password" must be .* number/],
    ['types that are none', { host: 'h', types: { int8: Number } }, /"types" must be/],
    ['one stream for all', { host: 'h', stream: process.stdin }, /"stream" must be a function/],
    [
      'a delay that is none',
      { host: 'h', keepAliveInitialDelayMillis: '10s' },
      /"keepAliveInitialDelayMillis"/,
    ],
    ['ssl as a word', { host: 'h', ssl: 'require' }, /"ssl" must be true, false or an object/],
    ['ssl as a word in a URL', 'postgres://h/db?ssl=false', /"ssl" must be/],
    [
      'a certificate that is not there',
      'postgres://h/db?sslrootcert=/not/there&sslmode=verify-full',
      /a file it names is missing/,
    ],
    ['a replication connection', 'postgres://h/db?replication=database', /no locks/],
    ['a replication connection, as an object', { host: 'h', replication: true }, /no locks/],
  ])('%s is refused at once, in words and without a secret', (_, connection, message) => {
    const { problem } = readConnection(connection as PostgresConfig)
    expect(problem).toMatch(message)
    expect(problem).toMatch(/^"connection"/)
    expect(problem).not.toMatch(/secret|12345/)
    expect(() => new LockPool({ connection: connection as string, max: 0 })).toThrowError(
      expect.objectContaining({ code: 'INVALID_OPTION', problems: expect.arrayContaining([problem]) }),
    )
  })

  test('errors name DATABASE_URL', () => {
    vi.stubEnv('DATABASE_URL', 'mysql://u:secret@h/db')
    expect(readConnection(undefined).problem).toMatch(/^DATABASE_URL can't .*mysql: is not PostgreSQL/)
  })

  test.each([
    'postgresql://h/db',
    'POSTGRES://h/db',
    'pg://h/db',
    'socket:/var/run/postgresql?db=orders',
    '/var/run/postgresql orders',
    'postgres://h/db?schema=public&connection_limit=5&pgbouncer=true',
    'postgres://h/db?currentSchema=foo&ApplicationName=x&tcpKeepAlive=true',
    'postgres://h/db?dbname=other&hostaddr=10.0.0.1',
    'postgres:///db?host=/var/run&hostaddr=10.0.0.1',
    'postgres://h/db?replication=off',
    'postgres://h/db?sslmode=no-verify',
  ])('%s is one', (url) => {
    expect(readConnection(url).problem).toBeNull()
  })

  test("checking the options does not create the program's own stream", () => {
    const stream = vi.fn()
    expect(readConnection({ host: 'h', stream }).problem).toBeNull()
    expect(stream).not.toHaveBeenCalled()
  })
})
