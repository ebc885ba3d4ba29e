import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { LockLink } from '../../src/dialect/dialect.js'
import type { OperationKind } from '../../src/dialect/lock-operation.js'
import { mysqlConfig } from '../../src/dialect/mysql/config/connection-config.js'
import type { MysqlConnection } from '../../src/dialect/mysql/connection/connection.js'
import { MysqlDialect } from '../../src/dialect/mysql/mysql-dialect.js'
import { MysqlFactory } from '../../src/dialect/mysql/pool/factory.js'
import { SeenTokens } from '../../src/dialect/seen-tokens.js'
import { noMariaDb, OwnMariaDb } from '../support/own-mariadb.js'

/** Registrations are special for named locks: a key has four names for them, and most releases look only at the first. */
describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'interest in a named lock', () => {
  let server: OwnMariaDb
  let factory: MysqlFactory
  let dialect: MysqlDialect
  const connections: MysqlConnection[] = []

  beforeAll(async () => {
    server = await OwnMariaDb.start()
    const { config } = mysqlConfig(await server.createDatabase())
    factory = new MysqlFactory(config)
    dialect = new MysqlDialect(config.database!)
  })
  afterEach(async () => {
    await Promise.all(connections.splice(0).map((connection) => factory.close(connection)))
    await expect.poll(() => server.namedLocks()).toEqual([])
  })
  afterAll(() => server[Symbol.asyncDispose]())

  async function link(): Promise<LockLink> {
    const connection = await factory.open(new AbortController().signal)
    connections.push(connection)
    const settings = {
      leaseMs: 60_000,
      fencing: 'auto',
      strict: false,
      sender: 'x',
      seen: new SeenTokens(),
    } as const
    return dialect.attach(connection, settings, () => undefined, null)
  }

  const ask = async (of: LockLink, kind: OperationKind): Promise<string> =>
    (await of.run([{ kind, mode: 'exclusive', key: dialect.encodeKey('orders', '') }])).answers

  test('four processes can register as waiters, and the fifth learns that it is not registered', async () => {
    const [holder, ...waiters] = await Promise.all(Array.from({ length: 6 }, link))
    await ask(holder!, 'try')

    const answers: string[] = []
    for (const waiter of waiters) answers.push(await ask(waiter, 'wait'))

    expect(answers.join('')).toBe('wwwwc')
    expect(await ask(waiters[0]!, 'leave')).toBe('d')
    expect(await ask(waiters[4]!, 'retry'), 'it takes the name that has become free').toBe('n')
    expect(await ask(holder!, 'release')).toBe('r')
  })

  test('a waiter with another name than the first moves to that, and is seen', async () => {
    const [a, b, c] = [await link(), await link(), await link()]
    await ask(a, 'try')
    await ask(b, 'wait')
    await ask(c, 'wait')
    await ask(b, 'leave')

    expect(await ask(c, 'retry')).toBe('n')
    expect(await ask(a, 'release')).toBe('r')
    expect(await ask(c, 'retry')).toBe('g')
  })

  test('a former waiter checks all registrations when it releases', async () => {
    const [a, b, c] = [await link(), await link(), await link()]
    await ask(a, 'try')
    await ask(b, 'wait')
    await ask(c, 'wait')
    await ask(a, 'release')

    expect(await ask(b, 'retry')).toBe('g')
    expect(await ask(b, 'release')).toBe('r')
    expect(await ask(c, 'retry')).toBe('g')
    expect(await ask(c, 'release')).toBe('d')
  })

  test('a retry in another place than the first is granted, and leaves nothing', async () => {
    const [a, b, c] = [await link(), await link(), await link()]
    await ask(a, 'try')
    await ask(b, 'wait')
    await ask(c, 'wait')
    await ask(a, 'release')

    expect(await ask(c, 'poll')).toBe('g')
    expect(await ask(b, 'leave')).toBe('d')
    expect(await ask(c, 'release')).toBe('d')
    expect(await server.namedLocks()).toEqual([])
  })
})
