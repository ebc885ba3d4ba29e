import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { LockLink } from '../../src/dialect/dialect.js'
import type { KeyCode } from '../../src/dialect/lock-key.js'
import type { LockOperation, OperationKind } from '../../src/dialect/lock-operation.js'
import { mysqlConfig } from '../../src/dialect/mysql/config/connection-config.js'
import type { MysqlConnection } from '../../src/dialect/mysql/connection/connection.js'
import { lookAtLocks } from '../../src/dialect/mysql/both-backends.js'
import { MysqlDialect } from '../../src/dialect/mysql/mysql-dialect.js'
import { LeasedConnection } from '../../src/dialect/mysql/pool/leased-connection.js'
import { MysqlFactory } from '../../src/dialect/mysql/pool/factory.js'
import { SeenTokens } from '../../src/dialect/seen-tokens.js'
import { LockPool } from '../../src/mysql-lock-pool.js'
import { noMariaDb, OwnMariaDb } from '../support/own-mariadb.js'

/** The behavior of the queue for a named lock that its contract does not cover. */
describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'the line for a named lock', () => {
  let server: OwnMariaDb
  let url: string
  let factory: MysqlFactory
  let dialect: MysqlDialect
  const connections: MysqlConnection[] = []

  beforeAll(async () => {
    // A statement timeout that an administrator has set must not limit waits in the queue.
    server = await OwnMariaDb.start('max-statement-time=0.1')
    url = await server.createDatabase()
    const { config } = mysqlConfig(url)
    factory = new MysqlFactory(config)
    dialect = new MysqlDialect(config.database!)
  })
  afterEach(async () => {
    await Promise.all(connections.splice(0).map((connection) => factory.close(connection)))
    await expect.poll(() => server.namedLocks()).toEqual([])
  })
  afterAll(() => server[Symbol.asyncDispose]())

  async function link(leaseMs = 60_000): Promise<LockLink> {
    const connection = await factory.open(new AbortController().signal)
    connections.push(connection)
    const rest = { fencing: 'auto', strict: false, sender: 'x', seen: new SeenTokens() } as const
    return dialect.attach(connection, { leaseMs, ...rest }, () => undefined, null)
  }

  const key = (): KeyCode => dialect.encodeKey('orders', '')
  const op = (kind: OperationKind): LockOperation => ({ kind, mode: 'exclusive', key: key() })
  const ask = async (of: LockLink, kind: OperationKind): Promise<string> => (await of.run([op(kind)])).answers
  /** Counts the sessions that wait for a lock in the server. */
  const waiting = async (): Promise<number> => {
    const rows = await server.query(
      `SELECT ID FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for%lock' OR STATE = 'User lock'`,
    )
    return rows.length
  }

  test('a wait takes as long as requested, at the head of the queue and behind it, whatever the statement timeout', async () => {
    const [holder, head, second] = [await link(), await link(), await link()]
    await ask(holder, 'try')
    expect(head.longestWaitMs).toBeGreaterThan(300)

    const since = performance.now()
    const both = await Promise.all([head.enqueue(op('enqueue'), 300), second.enqueue(op('enqueue'), 300)])

    expect(both.map(({ answers }) => answers)).toEqual(['n', 'n'])
    expect(performance.now() - since).toBeGreaterThanOrEqual(290)
    expect(await ask(holder, 'release')).toBe('d')
  })

  test('an interrupted waiter at the head leaves its place to the next, and holds nothing', async () => {
    const [holder, head, second] = [await link(), await link(), await link()]
    await ask(holder, 'try')
    // If a wait is interrupted, the server returns NULL for it and continues the statement.
    const cut = head.enqueue(op('enqueue'), 700)
    await expect.poll(waiting).toBe(1)
    const turn = second.enqueue(op('enqueue'), 700)
    await expect.poll(waiting).toBe(2)
    const { interests } = await lookAtLocks(LeasedConnection.serverOf(connections[0]!), [])
    expect(
      interests.map(({ pid }) => pid),
      'of those in line the first is seen',
    ).toEqual([head.serverId])

    await server.query(`KILL QUERY ${head.serverId}`)
    expect((await cut).answers).toBe('n')
    await expect
      .poll(async () => (await server.namedLocks()).map(({ id }) => id).toSorted((x, y) => x - y))
      .toEqual([holder.serverId, second.serverId])
    await ask(holder, 'release')

    expect((await turn).answers).toBe('g')
    expect(await holder.isWanted(key())).toBe(false)
    expect(await ask(second, 'release')).toBe('d')
  })

  test('a wait may be longer than the rest of the lease, which counts from its end', async () => {
    const [holder, head] = [await link(), await link(2000)]
    await ask(holder, 'try')
    const turns: string[] = []
    for (let round = 0; round < 3; round++) turns.push((await head.enqueue(op('enqueue'), 750)).answers)

    expect(turns.join('')).toBe('nnn')
    await ask(holder, 'release')
    expect(await ask(head, 'try')).toBe('g')
  })

  test('without tokens there is a queue as well', async () => {
    const [holder, head] = [await link(), await link()]
    const connection = await factory.open(new AbortController().signal)
    connections.push(connection)
    const rest = { fencing: 'off', strict: false, sender: 'x', seen: new SeenTokens() } as const
    const settings = { leaseMs: 60_000, ...rest }
    const plain = await dialect.attach(connection, settings, () => undefined, null)
    expect(await plain.enqueue(op('enqueue'), 100)).toMatchObject({ answers: 'f', token: null })
    await ask(plain, 'release')
    await ask(holder, 'try')
    const turn = plain.enqueue(op('enqueue'), 700)
    await expect.poll(waiting).toBe(1)
    const behind = head.enqueue(op('enqueue'), 700)
    await expect.poll(waiting).toBe(2)
    await ask(holder, 'release')

    expect(await turn).toMatchObject({ answers: 'g', token: null })
    await ask(plain, 'release')
    expect((await behind).token).not.toBeNull()
  })

  test('a listening process learns of a queue even if the lock is never free', async () => {
    const [holder, first, second, listener] = [await link(), await link(), await link(), await link()]
    const connection = await factory.open(new AbortController().signal)
    connections.push(connection)
    const heard: string[] = []
    const ignore = (): void => undefined
    const handlers = { onPublicMessage: ignore, onTicket: ignore, onMessage: ignore, onEnd: ignore }
    const listening = await dialect.listen(connection, {
      ...handlers,
      onWakeUp: (keyId) => void heard.push(keyId),
    })
    await ask(holder, 'try')
    const turns = [first.enqueue(op('enqueue'), 750)]
    await expect.poll(waiting).toBe(1)
    turns.push(second.enqueue(op('enqueue'), 750))
    await expect.poll(waiting).toBe(2)
    expect(await ask(listener, 'wait')).toBe('w')

    expect(await ask(holder, 'release')).toBe('r')
    await holder.notify([key()])

    await expect.poll(() => heard).toEqual([key().id])
    expect((await turns[0]!).answers, 'the server has given it to the first').toBe('g')
    await ask(first, 'release')
    expect((await turns[1]!).answers).toBe('g')
    await listening.stop()
  })

  test('processes that pass a key on wait for it in the server, one behind the other', async () => {
    const pools = Array.from({ length: 3 }, () => new LockPool({ connection: url }))
    let mostWaiting = 0
    let isOver = false
    const work = pools.map(async (pool) => {
      while (!isOver) await pool.withLock('hot', () => pause(5))
    })
    // The processes find out that the key is hot, and from then on they wait in the server queue.
    for (let round = 0; round < 400 && mostWaiting < 2; round++) {
      mostWaiting = Math.max(mostWaiting, await waiting())
      await pause(5)
    }
    isOver = true
    await Promise.all(work)
    await Promise.all(pools.map((pool) => pool.close()))

    // Three, if the look falls between a release and the next grant.
    expect(mostWaiting).toBeGreaterThanOrEqual(2)
  })
})
