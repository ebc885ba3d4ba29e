import { afterEach, describe, expect, test, vi } from 'vitest'
import { mysqlConfig } from '../../../../../src/dialect/mysql/config/connection-config.js'

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
  ])('%j is refused, without its password', (connection, message) => {
    const { problem } = mysqlConfig(connection as never)
    expect(problem).toMatch(message)
    expect(problem).not.toContain('secret')
  })
})
