import { afterEach, expect, test } from 'vitest'
import {
  ServerWatch,
  watchedPostgres,
  type PostgresToWatch,
  type WatchedConnection,
} from '../../../../src/cli/inspect/server-watch.js'
import type { QueryResult } from '../../../../src/dialect/queryable.js'
import { SERVER_FACTS, TERMINATE } from '../../../../src/dialect/postgres/inspect/inspect-sql.js'
import { BEGIN_LOOK, END_LOOK } from '../../../../src/dialect/postgres/connection/look-sql.js'
import { Deferred } from '../../../../src/base/deferred.js'
import { ManualClock, settle } from '../../../../src/testing/manual-clock.js'
import { rejection } from '../../../support/fake-world.js'

const FACTS = { at: new Date(0), version: '18.1', database: 'app', lock_entries: 1, lock_capacity: 100 }

/** A connection to a server without locks. The server may stop answering. */
class Connection {
  readonly asked: string[] = []
  readonly #unanswered: ((cause: Error) => void)[] = []
  readonly #closed = new Deferred<void>()
  #onEnd: (() => void)[] = []
  isStalled = false
  isDestroyed = false
  error: Error | null = null

  query(text: string): Promise<QueryResult<never>> {
    this.asked.push(text)
    if (this.isStalled) return new Promise((_, fail) => this.#unanswered.push(fail))
    if (this.error !== null) return Promise.reject(this.error)
    const rows = text === SERVER_FACTS ? [FACTS] : text === TERMINATE ? [{ is_gone: true }] : []
    return Promise.resolve({ rows: rows as never[], rowCount: rows.length, command: '', fields: [] })
  }

  onEnd(listener: () => void): void {
    this.#onEnd.push(listener)
  }

  close(): Promise<void> {
    return this.isStalled ? this.#closed.promise : Promise.resolve()
  }

  destroy(): void {
    this.isDestroyed = true
    this.#closed.resolve()
    for (const fail of this.#unanswered) fail(new Error('destroyed'))
    for (const listener of this.#onEnd.splice(0)) listener()
  }
}

const clock = new ManualClock()
afterEach(() => expect(clock.armed).toBe(0))

function watching(connections: readonly (Connection | null)[] = []): {
  watch: ServerWatch
  opened: Connection[]
} {
  const opened: Connection[] = []
  let attempts = 0
  const open = (signal: AbortSignal): Promise<WatchedConnection> => {
    const given = connections[attempts++]
    if (given === null)
      return new Promise((_, fail) => signal.addEventListener('abort', () => fail(new Error('ended'))))
    const connection = given ?? new Connection()
    opened.push(connection)
    return Promise.resolve(watchedPostgres(connection as unknown as PostgresToWatch))
  }
  return { watch: new ServerWatch({ clock, open }), opened }
}

test('a refresh that stalls is given up with its connection, and the next one connects again', async () => {
  const { watch, opened } = watching()
  await watch.look()
  opened[0]!.isStalled = true
  const look = rejection(watch.look())
  await clock.run(9_999)
  expect(opened[0]!.isDestroyed).toBe(false)

  await clock.run(1)

  expect(await look).toMatchObject({ code: 'CONNECTION_FAILED', message: expect.stringContaining('10 s') })
  expect(opened[0]!.isDestroyed).toBe(true)
  expect((await watch.look()).server.database).toBe('app')
  expect(opened).toHaveLength(2)
  await watch.close()
})

test('an attempt to connect for a refresh is given up too', async () => {
  const { watch, opened } = watching([null])
  const look = rejection(watch.look())
  await clock.run(10_000)
  expect(await look).toMatchObject({ code: 'CONNECTION_FAILED' })
  await watch.look()
  expect(opened).toHaveLength(1)
  await watch.close()
})

test('one connection serves all refreshes, also after a failed one, and a lost connection is replaced', async () => {
  const { watch, opened } = watching()
  await watch.connect()
  await watch.look()
  opened[0]!.error = new Error('canceling statement due to statement timeout')
  expect(await rejection(watch.look())).toMatchObject({ message: /canceling/ })
  opened[0]!.error = null
  await watch.look()
  expect(opened).toHaveLength(1)
  opened[0]!.destroy()
  await watch.look()
  expect(opened).toHaveLength(2)
  await watch.close()
})

test('a session is not ended during a refresh', async () => {
  const { watch, opened } = watching()
  const [, end] = await Promise.all([watch.look(), watch.end({ pid: 7, startedAt: 'then' }), watch.look()])
  expect(end).toBe('gone')
  expect(opened[0]!.asked.filter((text) => [BEGIN_LOOK, END_LOOK, TERMINATE].includes(text))).toEqual([
    ...[BEGIN_LOOK, END_LOOK],
    TERMINATE,
    ...[BEGIN_LOOK, END_LOOK],
  ])
  await watch.close()
})

test('closing waits neither for a silent server nor for an attempt to connect', async () => {
  const stalled = watching()
  await stalled.watch.connect()
  stalled.opened[0]!.isStalled = true
  const closed = stalled.watch.close()
  await clock.run(1000)
  await closed
  expect(stalled.opened[0]!.isDestroyed).toBe(true)

  const { watch } = watching([null])
  const look = rejection(watch.look())
  await settle()
  await watch.close()
  await look
  expect(await rejection(watch.look())).toMatchObject({ code: 'CONNECTION_FAILED' })
})
