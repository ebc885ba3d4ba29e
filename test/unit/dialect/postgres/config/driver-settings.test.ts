import pg from 'pg'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { DRIVER_SETTINGS } from '../../../../../src/dialect/postgres/config/driver-settings.js'
import { LOCK_SESSION } from '../../../../../src/dialect/postgres/session/settings.js'
import {
  clientConfig,
  readConnection,
  type PostgresConfig,
} from '../../../../../src/dialect/postgres/config/connection-config.js'
import { read, section, tableRows } from '../../../../support/repository.js'

function configOf(connection: PostgresConfig): pg.ClientConfig {
  const { settings, problem } = readConnection(connection)
  expect(problem).toBeNull()
  return clientConfig(settings, 'app')
}

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

describe('settings of the driver', () => {
  /** A value for each setting. The fate of the setting says whether the driver gets the value. */
  const GIVEN: Readonly<Record<string, unknown>> = {
    connectionString: 'postgres://h/db',
    host: 'h',
    port: 7,
    target_session_attrs: 'primary',
    user: 'u',
    password: 'p',
    database: 'd',
    ssl: true,
    sslnegotiation: 'postgres',
    enableChannelBinding: true,
    scramMaxIterations: 5,
    stream: () => undefined,
    keepAlive: false,
    keepAliveInitialDelayMillis: 5,
    connectionTimeoutMillis: 5,
    application_name: 'a',
    fallback_application_name: 'f',
    client_encoding: 'LATIN1',
    options: '-c x=y',
    statement_timeout: 5,
    lock_timeout: 5,
    idle_in_transaction_session_timeout: 5,
    binary: true,
    types: { getTypeParser: () => (text: string) => text },
    query_timeout: 5,
    pipeline: false,
    Promise,
    Client: pg.Client,
    replication: true,
    connection: {},
    max: 5,
    min: 5,
    poolSize: 5,
    maxUses: 5,
    maxLifetimeSeconds: 5,
    idleTimeoutMillis: 5,
    allowExitOnIdle: true,
    log: () => undefined,
    verify: () => undefined,
    onConnect: () => undefined,
  }

  test('each has a value to be tried with', () => {
    expect(Object.keys(GIVEN).toSorted()).toEqual([...DRIVER_SETTINGS.keys()].toSorted())
  })

  test.each([...DRIVER_SETTINGS].map(([name, { fate }]) => ({ name, fate })))(
    '$name is $fate',
    ({ name, fate }) => {
      const { settings, problem } = readConnection({ host: 'h', [name]: GIVEN[name] })
      expect(problem !== null).toBe(fate === 'refused')
      if (fate === 'refused') return
      const config = clientConfig(settings, 'app') as Record<string, unknown>
      const isThere = config[name] === GIVEN[name]
      expect(isThere).toBe(fate === 'as given' || fate === 'for borrowers')
      // An undefined setting is missing from the driver's configuration: the driver would take an undefined property for a
      // value.
      const unsaid = clientConfig(readConnection({ host: 'h', [name]: undefined }).settings, 'app')
      expect(Object.entries(unsaid).filter(([, value]) => value === undefined)).toEqual([])
    },
  )

  test('by default keepalive is on and the application name is that of lockpool', () => {
    expect(configOf({ host: 'h', keepAlive: undefined, application_name: undefined })).toMatchObject({
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      application_name: 'app',
      pipeline: true,
    })
  })

  test('a lock session sets the settings of borrowers itself', () => {
    const own = new Set(LOCK_SESSION.map(({ name }) => name))
    const told = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']
    for (const name of told) {
      expect(DRIVER_SETTINGS.get(name)!.fate).toBe('for borrowers')
      expect(own.has(name)).toBe(true)
    }
  })

  test('docs/reference/options.md has all of them, with their reasons', () => {
    const rows = tableRows(section(read('docs/reference/options.md'), '`connection`'))
    const documented = rows.flatMap(([names, fate, why]) =>
      names!.split(', ').map((name) => `${name} ${fate} ${why}`),
    )
    const real = [...DRIVER_SETTINGS].map(([name, { fate, why }]) => `\`${name}\` ${fate} ${why}`)
    expect(documented.toSorted()).toEqual(real.toSorted())
  })
})

describe('sslmode', () => {
  test.each(['prefer', 'require', 'verify-ca'])(
    '%s verifies as the driver has it today, and the driver need not warn',
    (mode) => {
      const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
      for (const url of [
        `postgres://h/db?sslmode=${mode}`,
        `postgres://h/db?x=1&sslmode=${mode}&y=2`,
        `postgres://h/db?sslmode=disable&sslmode=${mode}#z`,
      ]) {
        const { ssl } = new pg.Client(configOf(url))
        expect(ssl).toEqual({})
        expect(new pg.Client(configOf({ connectionString: url })).ssl).toEqual({})
        expect(new pg.Client(configOf(new URL(url))).ssl).toEqual({})
      }
      expect(warn).not.toHaveBeenCalled()
    },
  )

  test('an explicit sslmode is not changed', () => {
    expect(new pg.Client(configOf('postgres://h/db?sslmode=no-verify')).ssl).toEqual({
      rejectUnauthorized: false,
    })
    expect(new pg.Client(configOf('postgres://h/db?sslmode=disable')).ssl).toBe(false)
    expect(new pg.Client(configOf('postgres://h/db?uselibpqcompat=true&sslmode=require')).ssl).toEqual({
      rejectUnauthorized: false,
    })
    expect(configOf('postgres://h/sslmode=require?x=sslmode')).toMatchObject({
      connectionString: 'postgres://h/sslmode=require?x=sslmode',
    })
  })
})
