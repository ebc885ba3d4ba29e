import { afterEach, describe, expect, test, vi } from 'vitest'
import { Deferred } from '../../../../../src/base/deferred.js'
import { MysqlListener } from '../../../../../src/dialect/mysql/notify/listener.js'
import { NotificationListeners } from '../../../../../src/dialect/mysql/notify/listeners.js'
import { waitStatements } from '../../../../../src/dialect/mysql/notify/notify-sql.js'
import type { Wanted } from '../../../../../src/dialect/mysql/notify/registration-book.js'
import type {
  OwnRow,
  ServerConnection,
} from '../../../../../src/dialect/mysql/connection/server-connection.js'

const { waitsForName: WAITS_FOR_NAME, sleeps: SLEEPS } = waitStatements(0)

const LISTENER_ID = 100

/** Lets all promises settle that need no timer. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 100; i++) await Promise.resolve()
}
const failure = (errno: number): Error => Object.assign(new Error('x'), { errno, sqlState: 'HY000' })

/** The listening connection. Its waits end when the test answers them; other statements are answered at once. */
class FakeServer {
  readonly threadId = LISTENER_ID
  readonly statements: string[] = []
  readonly waits: { sql: string; values: readonly string[]; answer: Deferred<OwnRow> }[] = []
  /** Errors for the next short statements. */
  readonly failures: Error[] = []
  isDestroyed = false

  ask(sql: string, values: readonly string[]): Promise<OwnRow> {
    if (/, 2\)|SLEEP/.test(sql)) {
      const answer = new Deferred<OwnRow>()
      this.waits.push({ sql, values, answer })
      return answer.promise
    }
    this.statements.push(`${/RELEASE/.test(sql) ? 'release' : 'take'} ${values[0]}`)
    const error = this.failures.shift()
    if (error !== undefined) return Promise.reject(error)
    return Promise.resolve([/RELEASE/.test(sql) ? 0 : 1, LISTENER_ID])
  }

  onEnd(): () => void {
    return () => undefined
  }

  destroy(): void {
    this.isDestroyed = true
  }

  async close(): Promise<void> {}

  /** Answers the running wait: with the free places and the result of the wait, or with an error. */
  async ends(free: string | null | Error, waited: number | null = 0): Promise<void> {
    const { answer } = this.waits.at(-1)!
    if (free instanceof Error) answer.reject(free)
    else answer.resolve([free, waited, LISTENER_ID])
    await settle()
  }

  get last(): { sql: string; values: readonly string[] } {
    const { sql, values } = this.waits.at(-1)!
    return { sql, values }
  }
}

interface FakeSession {
  readonly session: ServerConnection
  readonly said: string[]
}

function fakeSession(
  threadId: number,
  answer: () => Promise<unknown> = async () => [[1, threadId]],
): FakeSession {
  const said: string[] = []
  const say = (sql: string, values?: readonly string[]): Promise<unknown> => {
    said.push(values === undefined ? sql : `take ${values[0]}`)
    return answer()
  }
  return { session: { threadId, say, hasEnded: false } as unknown as ServerConnection, said }
}

describe('the listener', () => {
  const server = (): FakeServer => servers.at(-1)!
  const servers: FakeServer[] = []
  const woken: string[] = []
  let listeners!: NotificationListeners
  let listener!: MysqlListener

  afterEach(() => {
    vi.useRealTimers()
    woken.length = 0
  })

  async function start(sessions: readonly FakeSession[], by: Wanted['by'] = 'writer'): Promise<void> {
    servers.push(new FakeServer())
    listeners = new NotificationListeners()
    for (const { session } of sessions) listeners.joined(session)
    listeners.armed.set('a', { name: 'a', by })
    const handlers = { onWakeUp: (name: string) => woken.push(name), onEnd: () => undefined }
    listener = new MysqlListener(server() as never, listeners, handlers as never)
    await listener.start()
    await settle()
  }

  test('waits for the name of a lock session, which takes it once', async () => {
    const fake = fakeSession(1)
    await start([fake, fakeSession(2)])
    expect(server().last).toEqual({ sql: WAITS_FOR_NAME.untilFree, values: ['lpwait/1', '[["a",1]]'] })

    await server().ends(null, 0)

    expect(server().waits).toHaveLength(2)
    expect(server().last).toEqual({ sql: WAITS_FOR_NAME.untilFree, values: ['lpwait/1', '[["a",1]]'] })
    expect(fake.said).toEqual(['take lpwait/1'])
    expect(woken).toEqual([])
  })

  test('wakes the waiters of the locks that are free', async () => {
    await start([fakeSession(1)])
    await server().ends('1')
    expect(woken).toEqual(['a'])
    expect(server().waits, 'no lock is awaited any more').toHaveLength(1)
  })

  test.each<[string, null | Error]>([
    ['an error', failure(1317)],
    ['NULL', null],
  ])('notices an interruption that the server answers with %s', async (_, answer) => {
    await start([fakeSession(1)])
    await server().ends(answer, null)
    expect(server().last.sql).toBe(WAITS_FOR_NAME.untilFreeOrQueued)
  })

  test('wakes the waiters of a semaphore after an interruption', async () => {
    await start([fakeSession(1)], 'permits')
    expect(server().last).toEqual({ sql: WAITS_FOR_NAME.unchecked, values: ['lpwait/1'] })
    await server().ends(failure(1317))
    expect(woken).toEqual(['a'])
  })

  test('sleeps if no session exists', async () => {
    await start([])
    expect(server().last).toEqual({ sql: SLEEPS.untilFree, values: ['[["a",1]]'] })
  })

  test('asks no session that waits in the server for its name, and keeps the name of one that begins to wait', async () => {
    const [first, second] = [fakeSession(1), fakeSession(2)]
    await start([first, second])
    listeners.waits(first.session, true)
    await server().ends(null, 0)
    expect(server().last.values[0]).toBe('lpwait/1')

    listeners.lostName(first.session)
    await server().ends(null, 0)
    expect(server().last.values[0]).toBe('lpwait/2')
    expect(server().statements).toContain('release lpwait/1')
  })

  test('releases a name that it got, and waits for that of another session', async () => {
    await start([fakeSession(1), fakeSession(2)])
    await server().ends(null, 1)
    expect(server().statements.at(-1)).toBe('release lpwait/1')
    expect(server().last.values[0]).toBe('lpwait/2')
  })

  test('sleeps if the names of all sessions are free, and tries them again after the sleep', async () => {
    await start([fakeSession(1), fakeSession(2)])
    await server().ends(null, 1)
    await server().ends(null, 1)
    expect(server().last.sql).toBe(SLEEPS.untilFree)
    expect(server().waits).toHaveLength(3)

    await server().ends(null, 0)
    expect(server().last.values[0]).toBe('lpwait/1')
  })

  test('sleeps if the server sees a deadlock, and its connection stays', async () => {
    await start([fakeSession(1)])
    await server().ends(failure(1213))
    expect(server().last.sql).toBe(SLEEPS.untilFree)
    expect(server().isDestroyed).toBe(false)
  })

  test('sleeps if no session answers within a tenth of a second, and waits for the name as soon as it is taken', async () => {
    vi.useFakeTimers()
    const taken = new Deferred<unknown>()
    await start([fakeSession(1, () => taken.promise)])
    expect(server().waits).toHaveLength(0)
    await vi.advanceTimersByTimeAsync(100)
    await settle()
    expect(server().last.sql).toBe(SLEEPS.untilFree)

    taken.resolve([[1, 1]])
    await settle()
    await server().ends(null, 0)
    expect(server().last.values[0]).toBe('lpwait/1')
  })

  test('shows a session that joins while another takes its name, before it waits', async () => {
    const taken = new Deferred<unknown>()
    await start([fakeSession(1, () => taken.promise)])
    listeners.joined(fakeSession(2).session)
    taken.resolve([[1, 1]])
    await settle()
    expect(server().statements).toEqual(['take lpbell/1', 'take lpbell/2'])
    expect(server().waits).toHaveLength(1)
  })

  test('runs a short statement again that was interrupted', async () => {
    await start([fakeSession(1)])
    server().failures.push(failure(1317))
    listeners.joined(fakeSession(2).session)
    await server().ends(failure(1317))
    expect(server().statements).toEqual(['take lpbell/1', 'take lpbell/2', 'take lpbell/2'])
    expect(server().isDestroyed).toBe(false)
  })

  test('ends its connection if a sleep is refused as a deadlock: it would be refused again at once', async () => {
    await start([])
    await server().ends(failure(1213))
    expect(server().waits).toHaveLength(1)
    expect(server().isDestroyed).toBe(true)
  })

  test('ends its connection after any other error', async () => {
    await start([fakeSession(1)])
    await server().ends(failure(1064))
    expect(server().isDestroyed).toBe(true)
  })
})
