/** Work that is under way when a pool is closed: `close()` waits for it, and nothing is left behind. */
import { expect, test } from 'vitest'
import { Deferred } from '../../../../src/base/deferred.js'
import type { Borrow, Dialect, LinkSettings, LockLink } from '../../../../src/dialect/dialect.js'
import type { FakeConnection } from '../../../../src/testing/fake-connection.js'
import type { FakeServer } from '../../../../src/testing/fake-server.js'
import { rejection, stateOf } from '../../../support/fake-world.js'
import { poolWithDialect } from '../../../support/pool-with-dialect.js'

/**
 * A database whose lock sessions are members. One statement inserts the row of a member, and another removes it. Each statement
 * needs a connection of the pool.
 */
class Members {
  readonly rows = new Set<number>()
  /** If set, members enter or leave only when it resolves. */
  entering: Deferred<void> | null = null
  leaving: Deferred<void> | null = null
  /** Whether an aborted attempt rejects. If not, its answer was already on the way. */
  heedsAbort = true
  #next = 1

  dialect(server: FakeServer): Partial<Dialect<FakeConnection>> {
    return { join: (...asked) => this.#join(server, ...asked) }
  }

  async #join(
    server: FakeServer,
    borrow: Borrow<FakeConnection>,
    settings: LinkSettings,
    ended: (cause: Error) => void,
    signal: AbortSignal,
  ): Promise<LockLink> {
    const row = this.#next++
    this.rows.add(row)
    await this.entering?.promise
    // The contract of `join` says that an aborted attempt removes what it has written.
    if (signal.aborted && this.heedsAbort) {
      await this.#leave(borrow, row)
      throw signal.reason
    }
    const connection = await server.factory.open(new AbortController().signal)
    const link = await server.dialect.attach(connection, settings, ended, null)
    const gone = async (): Promise<void> => {
      await this.#leave(borrow, row)
      await server.factory.close(connection)
    }
    return Object.assign(link, { detach: gone, abandon: () => gone().catch(() => undefined) })
  }

  /** If there is no connection, the row stays until the lease is over. */
  async #leave(borrow: Borrow<FakeConnection>, row: number): Promise<void> {
    await this.leaving?.promise
    await borrow(
      async () => void this.rows.delete(row),
      () => false,
    )
  }
}

function memberWorld() {
  const members = new Members()
  const world = poolWithDialect((server) => members.dialect(server))
  return { members, ...world }
}

test.each([
  ['removes what it has written', true],
  ['succeeds all the same', false],
])('close() waits for a session that is being opened, if the attempt %s', async (_, heedsAbort) => {
  const { members, locks, clock, server } = memberWorld()
  members.heedsAbort = heedsAbort
  members.entering = new Deferred()
  members.leaving = new Deferred()
  const acquiring = rejection(locks.acquire('orders'))
  await clock.run(10)
  expect(members.rows.size).toBe(1)

  const closing = locks.close({ graceMs: 0 })
  expect(await acquiring).toMatchObject({ code: 'POOL_CLOSED' })
  for (const step of [members.entering, members.leaving]) {
    await clock.run(1000)
    expect(await stateOf(closing)).toBe('pending')
    expect(members.rows.size).toBe(1)
    step.resolve()
  }
  await clock.run(10)
  await closing
  expect(members.rows.size).toBe(0)
  expect(server.connections.size).toBe(0)
})

test('close() waits for a session that is being retired, with connections to retire it on', async () => {
  const { members, locks, clock, server } = memberWorld()
  const first = locks.acquire('orders')
  await clock.run(10)
  await (await first).release()
  members.leaving = new Deferred()
  // The session has not been used for as long as a connection may be idle.
  await clock.run(120_000)
  expect(locks.snapshot().sessions, 'on its way out').toEqual([])
  expect(members.rows.size).toBe(1)

  const closing = locks.close({ graceMs: 0 })
  await clock.run(10)
  expect(await stateOf(closing)).toBe('pending')
  members.leaving.resolve()
  await clock.run(10)
  await closing
  expect(members.rows.size).toBe(0)
  expect(server.connections.size).toBe(0)
})

test('close() waits for a lost session to be abandoned', async () => {
  const { members, locks, clock, server } = memberWorld()
  const held = locks.acquire('orders')
  await clock.run(10)
  members.leaving = new Deferred()
  const closing = locks.close({ graceMs: 0 })
  await clock.run(10)
  expect((await held).state).toBe('lost')
  expect(await stateOf(closing)).toBe('pending')
  members.leaving.resolve()
  await clock.run(10)
  await closing
  expect(members.rows.size).toBe(0)
  expect(server.connections.size).toBe(0)
})
