import { expect, test } from 'vitest'
import type { LockLink } from '../../src/dialect/dialect.js'
import { SeenTokens } from '../../src/dialect/seen-tokens.js'
import { PostgresDialect } from '../../src/dialect/postgres/postgres-dialect.js'
import { ServerConnection } from '../../src/dialect/postgres/connection/server-connection.js'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'
import { OneSessionServer } from '../support/one-session-server.js'
import { WirePooler } from '../support/wire-pooler.js'

const world = lockWorld()

const ONE_SESSION = { code: 'POOLER_DETECTED', retryable: false, message: /one and the same server session/ }

function isRefusal(error: Error): void {
  expect(error).toMatchObject({ ...ONE_SESSION, message: expect.stringMatching(ONE_SESSION.message) })
}

test.each([
  'PostgreSQL 18.6 (PGlite 0.5.14) on wasm32-unknown-emscripten, compiled by emcc, 32-bit',
  'PostgreSQL 16.4 on x86_64-pc-linux-gnu, compiled by emcc (Emscripten gcc/clang-like replacement) 3.1.72',
])('a server that is one process is refused before anything is locked: %s', async (version) => {
  await using between = await WirePooler.to(world.database.url, {
    mode: 'session',
    // The client gets the key of the server's session, as without a pooler.
    keepsKey: true,
    rewrite: (sql) => sql.replace('pg_catalog.version() AS product', `'${version}' AS product`),
  })
  const locks = world.pool({ connection: between.url })

  const error = await rejection(locks.acquire('orders'))
  isRefusal(error)
  expect(error.message).toMatch(/^this server is PostgreSQL 1\d/)
  isRefusal(await rejection(locks.ready()))
  await locks.close()
})

test('a second pool in the session of the first is refused, whenever it comes, and the first keeps its locks', async () => {
  await using server = await OneSessionServer.to(world.database.url)
  const first = world.pool({ connection: server.url, max: 1, leaseMs: 2000 })
  const lock = await first.acquire('orders')

  // The second connection knows nothing of the first one, so the result is the same as in another process.
  const second = await openElsewhere(server.url)
  isRefusal(await rejection(second.attach()))

  expect(lock.state).toBe('held')
  await lock.release()
  await second.close()
  await first.close()
})

test('of two pools that start at the same time one is refused', async () => {
  await using server = await OneSessionServer.to(world.database.url)
  const both = [await openElsewhere(server.url), await openElsewhere(server.url)]

  const outcomes = await Promise.allSettled(both.map((each) => each.attach()))

  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  for (const outcome of outcomes) if (outcome.status === 'rejected') isRefusal(outcome.reason as Error)
  await Promise.all(both.map((each) => each.close()))
})

test('the prepared statements of the first pool reveal it, even when nothing else does', async () => {
  await using server = await OneSessionServer.to(world.database.url)
  const [first, second] = [await openElsewhere(server.url), await openElsewhere(server.url)]
  const link = await first.attach()
  await link.heartbeat()
  await link.detach()

  isRefusal(await rejection(second.attach()))
  await (await first.attach()).detach()
  await Promise.all([first.close(), second.close()])
})

test('a pool opens no second connection to it, because the cleanup after a borrower would release the locks', async () => {
  await using server = await OneSessionServer.to(world.database.url)
  const locks = world.pool({ connection: server.url, max: 3, acquireTimeoutMs: 1000 })
  const lock = await locks.acquire('orders')

  // A pool that has a connection tries to open another one until the timeout.
  expect(await rejection(locks.connections.query('SELECT pg_advisory_unlock_all()'))).toMatchObject({
    code: 'LOCK_TIMEOUT',
  })
  isRefusal(await rejection(world.pool({ connection: server.url }).acquire('orders')))

  expect(lock.state).toBe('held')
  expect(await world.locks()).toHaveLength(1)
  await lock.release()
  await locks.close()
})

test('a connection may become a lock session again and again', async () => {
  const session = await openElsewhere(world.database.url)
  for (let time = 0; time < 3; time++) {
    const link = await session.attach()
    await link.heartbeat()
    await link.detach()
  }
  await session.close()
})

interface Elsewhere {
  attach(): Promise<LockLink>
  close(): Promise<void>
}

/** Opens a connection that knows nothing of the other connections of this process. */
async function openElsewhere(url: string): Promise<Elsewhere> {
  const server = await ServerConnection.open(
    { connectionString: url, pipeline: true },
    AbortSignal.timeout(10_000),
  )
  const settings = {
    leaseMs: 5000,
    fencing: 'off',
    strict: false,
    sender: 'abc',
    seen: new SeenTokens(),
  } as const
  return {
    attach: () => new PostgresDialect().attach(server, settings, () => undefined, null),
    close: () => server.close(),
  }
}
