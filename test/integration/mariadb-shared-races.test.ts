import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { LockLink } from '../../src/dialect/dialect.js'
import type { LockMode } from '../../src/dialect/lock-key.js'
import type { LockOperation, OperationKind } from '../../src/dialect/lock-operation.js'
import { mysqlConfig } from '../../src/dialect/mysql/config/connection-config.js'
import type { MysqlConnection } from '../../src/dialect/mysql/connection/connection.js'
import { MysqlDialect } from '../../src/dialect/mysql/mysql-dialect.js'
import { RELEASE_NAME, waitStatements } from '../../src/dialect/mysql/notify/notify-sql.js'
import { LeasedConnection } from '../../src/dialect/mysql/pool/leased-connection.js'
import { MysqlFactory } from '../../src/dialect/mysql/pool/factory.js'
import { SeenTokens } from '../../src/dialect/seen-tokens.js'
import { noMariaDb, OwnMariaDb } from '../support/own-mariadb.js'

const KEYS = 200
const ROUNDS = 100

/** A reader and a writer decide in several steps, and other sessions come between these. */
describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'readers and writers that come at the same moment', () => {
  let server: OwnMariaDb
  let factory: MysqlFactory
  let dialect: MysqlDialect
  const connections: MysqlConnection[] = []

  beforeAll(async () => {
    server = await OwnMariaDb.start()
    const { config } = mysqlConfig(await server.createDatabase())
    factory = new MysqlFactory(config)
    dialect = new MysqlDialect(config.database!, { claim: null, sharedSlots: 2 })
  })
  afterEach(async () => {
    expect(await server.namedLocks(), 'all is released').toEqual([])
    await Promise.all(connections.splice(0).map((connection) => factory.close(connection)))
  })
  afterAll(() => server[Symbol.asyncDispose]())

  async function link(): Promise<LockLink> {
    const connection = await factory.open(new AbortController().signal)
    connections.push(connection)
    const rest = { fencing: 'auto', strict: false, sender: 'x', seen: new SeenTokens() } as const
    return dialect.attach(connection, { leaseMs: 60_000, ...rest }, () => undefined, null)
  }

  const op = (kind: OperationKind, mode: LockMode, i: number): LockOperation => ({
    kind,
    mode,
    key: dialect.encodeKey(`key ${i}`, ''),
  })
  const all = Array.from({ length: KEYS }, (_, i) => i)

  test('a key never has a reader and a writer, nor two writers', async () => {
    const sides: readonly (readonly [LockLink, LockMode])[] = [
      [await link(), 'shared'],
      [await link(), 'exclusive'],
      [await link(), 'shared'],
      [await link(), 'exclusive'],
    ]
    let mixed = 0
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await Promise.all(
        sides.map(async ([session, mode]) => (await session.run(all.map((i) => op('try', mode, i)))).answers),
      )
      const holders = all.map((i) =>
        sides.filter((_, side) => answers[side]![i] === 'g').map(([, mode]) => mode),
      )
      for (const modes of holders) if (modes.length > 1) expect(modes).toEqual(['shared', 'shared'])
      const had = new Set(holders.flat())
      if (had.size === 2) mixed++
      for (const [side, [session, mode]] of sides.entries()) {
        const held = all.filter((i) => answers[side]![i] === 'g')
        if (held.length > 0) await session.run(held.map((i) => op('release', mode, i)))
      }
    }
    expect(mixed, 'rounds in which readers and writers were at work at the same time').toBeGreaterThan(
      ROUNDS / 10,
    )
  }, 60_000)

  test('a listening connection reports a key to readers only if no writer waits, or no session has it', async () => {
    const [reader, writer] = [await link(), await link()]
    const { untilFree, untilFreeOrQueued } = waitStatements(2).waitsForName
    const { id } = op('try', 'shared', 0).key
    const asks = LeasedConnection.serverOf(connections[0]!)
    const reported = async (sql: string): Promise<string | null> => {
      // The name is free, so the statement does not wait.
      const [free] = await asks.ask(sql, [
        'nothing to wait for',
        JSON.stringify([
          [id, 0],
          [id, 1],
        ]),
      ])
      await asks.ask(RELEASE_NAME, ['nothing to wait for'])
      return free === null ? null : String(free)
    }
    const ask = async (of: LockLink, kind: OperationKind, mode: LockMode): Promise<string> =>
      (await of.run([op(kind, mode, 0)])).answers

    expect(await reported(untilFree), 'it is free for both').toBe('1,2')
    await ask(reader, 'try', 'shared')
    expect(await reported(untilFree), 'another reader may join').toBe('1')
    expect(await ask(writer, 'wait', 'exclusive')).toBe('w')
    expect(await reported(untilFree), 'a writer waits').toBeNull()
    expect(await reported(untilFreeOrQueued)).toBeNull()
    await ask(reader, 'release', 'shared')
    expect(await reported(untilFree), 'the writer is first').toBe('2')
    expect(await reported(untilFreeOrQueued), 'after an interruption both try').toBe('1,2')
    expect(await ask(writer, 'retry', 'exclusive')).toBe('g')
    expect(await reported(untilFreeOrQueued)).toBeNull()
    await ask(writer, 'release', 'exclusive')
  })
})
