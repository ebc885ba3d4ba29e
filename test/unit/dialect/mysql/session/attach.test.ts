import { describe, expect, test } from 'vitest'
import { checkServer, leaseSeconds } from '../../../../../src/dialect/mysql/session/attach.js'
import { FACTS } from '../../../../../src/dialect/mysql/session/attach-sql.js'
import type { ServerConnection } from '../../../../../src/dialect/mysql/connection/server-connection.js'

interface Reported {
  readonly id?: number
  readonly version?: string
  readonly comment?: string
  readonly foldsNames?: number
  readonly variables?: Readonly<Record<string, string>>
  readonly channels?: readonly Readonly<Record<string, string>>[]
}

/** A server that reports these facts about itself. */
function server(reported: Reported): ServerConnection {
  const { id = 7, version = '10.11.19-MariaDB', comment = 'Debian', foldsNames = 0 } = reported
  const facts = [id, version, comment, 'shop', foldsNames, '1 on db:3306']
  const say = async (sql: string): Promise<unknown[][]> =>
    sql === FACTS ? [facts] : Object.entries(reported.variables ?? {})
  const records = async (): Promise<readonly unknown[]> => reported.channels ?? []
  return { threadId: 7, config: {}, isMariaDb: true, say, records } as unknown as ServerConnection
}

const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

describe('a server is refused', () => {
  test.each<[string, Reported, { code: string; retryable: boolean; message: RegExp }]>([
    [
      'that is a node of a Galera cluster',
      { variables: { wsrep_on: 'ON' } },
      { code: 'CONNECTION_FAILED', retryable: false, message: /Galera/ },
    ],
    [
      'that is in a replication group',
      { version: '8.0.36', comment: 'MySQL Community', variables: { group_replication_group_name: 'a-b' } },
      { code: 'CONNECTION_FAILED', retryable: false, message: /replication group/ },
    ],
    [
      'that only reads',
      { variables: { read_only: 'ON' } },
      { code: 'CONNECTION_FAILED', retryable: true, message: /read-only/ },
    ],
    [
      'that only reads, as MySQL says it',
      { version: '8.4.0', comment: '', variables: { super_read_only: 'ON' } },
      { code: 'CONNECTION_FAILED', retryable: true, message: /read-only/ },
    ],
    [
      'that is a replica',
      {
        channels: [{ Slave_IO_Running: 'Yes', Slave_SQL_Running: 'Yes', Master_Host: 'a', Master_Port: '1' }],
      },
      { code: 'CONNECTION_FAILED', retryable: true, message: /replica of a:1/ },
    ],
    [
      'behind what shares its sessions',
      { id: 8 },
      { code: 'POOLER_DETECTED', retryable: false, message: /several sessions/ },
    ],
    [
      'that is MariaDB before JSON_TABLE',
      { version: '5.5.5-10.5.23-MariaDB' },
      { code: 'CONNECTION_FAILED', retryable: false, message: /too old.*10\.6/ },
    ],
    [
      'that is MySQL before JSON_TABLE',
      { version: '5.7.44', comment: 'MySQL Community Server' },
      { code: 'CONNECTION_FAILED', retryable: false, message: /too old.*8\.0/ },
    ],
    [
      'that is Vitess',
      { version: '8.0.30-Vitess' },
      { code: 'CONNECTION_FAILED', retryable: false, message: /Vitess/ },
    ],
    [
      'that is TiDB',
      { version: '8.0.11-TiDB-v7.5.0' },
      { code: 'CONNECTION_FAILED', retryable: false, message: /TiDB/ },
    ],
  ])('%s', async (_, reported, { message, ...fields }) => {
    const error = await rejection(checkServer(server(reported), 'shop'))
    expect(error).toMatchObject({ ...fields, message: expect.stringMatching(message) })
  })

  test('that ignores the case of database names, if the name is not in lower case', async () => {
    const folds = server({ foldsNames: 1 })

    expect(await rejection(checkServer(folds, 'Shop'))).toMatchObject({
      message: expect.stringContaining('lower case'),
    })
    expect(await checkServer(folds, 'shop')).toMatchObject({ database: 'shop' })
    expect(await checkServer(server({}), 'Shop')).toMatchObject({ database: 'shop' })
  })
})

test.each([
  ['MariaDB', { version: '10.6.0-MariaDB' }, true],
  ['MariaDB that hides its version', { version: '5.5.5-10.11.6-MariaDB-log' }, true],
  ['MariaDB 11', { version: '11.4.2-MariaDB', variables: { wsrep_on: 'OFF' } }, true],
  ['MySQL 8.0', { version: '8.0.36', comment: 'MySQL Community Server - GPL' }, false],
  ['MySQL 9', { version: '9.1.0', comment: 'MySQL', variables: { group_replication_group_name: '' } }, false],
])('%s is accepted', async (_, reported, isMariaDb) => {
  expect(await checkServer(server(reported), 'shop')).toMatchObject({ isMariaDb })
})

test('the identity of a server tells it from another on the same host', async () => {
  const first = await checkServer(server({ variables: { server_uid: 'a' } }), 'shop')
  const second = await checkServer(server({ variables: { server_uid: 'b' } }), 'shop')
  expect(first.identity).not.toBe(second.identity)
})

test('a lease is whole seconds', () => {
  expect(leaseSeconds(15_000)).toBe(15)
  for (const wrong of [1000, 2500, 1999, 0]) expect(() => leaseSeconds(wrong)).toThrow('whole seconds')
})
