import pg from 'pg'
import { afterEach, expect, test } from 'vitest'
import { ConnectionError, PoolerDetectedError } from '../../../../../src/base/errors.js'
import { withDefaultHints } from '../../../../../src/dialect/postgres/hosts/default-hints.js'

const { user: systemUser } = pg.defaults

afterEach(() => {
  pg.defaults.user = systemUser
})

const NO_ROLE = Object.assign(new Error('role "root" does not exist'), { code: '28000' })
const NOBODY = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' })

const NO_ADDRESS = 'no address was given ("connection", DATABASE_URL or PGHOST)'
const NO_USER =
  'no user was given, so it is that of the system, "root": name one in the address (postgres://user@host), or in PGUSER'

function told(error: Error, config: pg.ClientConfig, environment: Record<string, string> = {}): string {
  pg.defaults.user = 'root'
  return (withDefaultHints(error, config, environment) as Error).message
}

test.each<[string, pg.ClientConfig, Record<string, string>]>([
  ['nothing at all', {}, {}],
  ['a database', { database: 'x' }, {}],
  ['a URL that names none', { connectionString: 'postgres:///x' }, {}],
  ['a URL with a user alone', { connectionString: 'postgres://u@/x' }, {}],
])('where no address was given, that is said: %s', (_, config, environment) => {
  expect(told(NOBODY, config, environment)).toBe(`connect ECONNREFUSED 127.0.0.1:5432; ${NO_ADDRESS}`)
})

test.each<[string, pg.ClientConfig, Record<string, string>]>([
  ['a host', { host: 'h' }, {}],
  ['a port', { port: 7 }, {}],
  ['a URL', { connectionString: 'postgres://h/x' }, {}],
  ['a port in a URL', { connectionString: 'postgres://:7/x' }, {}],
  ['a host in the query', { connectionString: 'postgres:///x?host=/tmp' }, {}],
  ['a socket', { connectionString: '/tmp x' }, {}],
  ['a socket in a URL', { connectionString: 'socket:/tmp?db=x' }, {}],
  ['the environment', {}, { PGHOST: 'h' }],
  ['a stream', { stream: () => undefined }, {}],
])('where an address was given, the error stays as it is: %s', (_, config, environment) => {
  expect(withDefaultHints(NOBODY, config, environment)).toBe(NOBODY)
})

test('the error says if the user was not given and is that of the system', () => {
  expect(told(NO_ROLE, { host: 'h' })).toBe(`role "root" does not exist (28000); ${NO_USER}`)
  expect(told(NO_ROLE, {})).toBe(`role "root" does not exist (28000); ${NO_ADDRESS}; ${NO_USER}`)
  const noPassword = new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string')
  expect(told(noPassword, { host: 'h' })).toContain(NO_USER)
  const noDatabase = Object.assign(new Error('database "root" does not exist'), { code: '3D000' })
  expect(told(noDatabase, { connectionString: 'postgres://h' })).toContain(NO_USER)
})

test.each<[string, pg.ClientConfig, Record<string, string>]>([
  ['an object', { host: 'h', user: 'u' }, {}],
  ['a URL', { connectionString: 'postgres://u@h/x' }, {}],
  ['a URL with a password', { connectionString: 'postgres://u:p@h/x' }, {}],
  ['the query of a URL', { connectionString: 'postgres://h/x?user=u' }, {}],
  ['the environment', { host: 'h' }, { PGUSER: 'u' }],
])('a user that was named is not explained: %s', (_, config, environment) => {
  expect(withDefaultHints(NO_ROLE, config, environment)).toBe(NO_ROLE)
})

test('the class and the cause of the error stay the same', () => {
  const starting = Object.assign(new Error('starting up'), { code: '57P03' })
  const error = withDefaultHints(starting, {}, {}) as ConnectionError
  expect(error).toBeInstanceOf(ConnectionError)
  expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true, cause: starting })
  expect(error.retryAfterMs).toBeGreaterThan(0)
  const pooler = new PoolerDetectedError('a pooler')
  expect(withDefaultHints(pooler, {}, {})).toBe(pooler)
})
