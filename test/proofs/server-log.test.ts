/** Nothing that lockpool does makes the server write into its log, where administrators look for problems. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EmbeddedPostgres } from '../../src/embedded/index.js'
import type { KeyCode, LockMode } from '../../src/dialect/lock-key.js'
import type { LockOperation, OperationKind } from '../../src/dialect/lock-operation.js'
import type { LockLink } from '../../src/dialect/dialect.js'
import { clientConfig, readConnection } from '../../src/dialect/postgres/config/connection-config.js'
import { PostgresDialect } from '../../src/dialect/postgres/postgres-dialect.js'
import { PostgresFactory } from '../../src/dialect/postgres/pool/factory.js'
import { POOL_CLASS, SHARE_CLASS } from '../../src/dialect/postgres/keys/key.js'
import { LockPool, type LockPoolOptions } from '../../src/postgres-lock-pool.js'
import { SeenTokens } from '../../src/dialect/seen-tokens.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { startServer } from '../support/own-server.js'
import { complaints } from '../support/server-log.js'
import { twinOf } from '../support/twin-key.js'
import pg from 'pg'

let server: EmbeddedPostgres

beforeAll(async () => {
  server = await startServer({ log_min_messages: 'warning', log_min_error_statement: 'warning' })
})

afterAll(() => server.stop())

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))

/** The number of advisory locks that are left on the server. The announcements of pools do not count. */
async function leftovers(): Promise<number> {
  const client = new pg.Client(server.url)
  await client.connect()
  try {
    const { rows } = await client.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_locks
       WHERE locktype = 'advisory' AND NOT (objsubid = 2 AND classid::int8 = ANY ($1))`,
      [[POOL_CLASS, SHARE_CLASS]],
    )
    return rows[0]!.n
  } finally {
    await client.end()
  }
}

/** Runs `use` with pools that look like separate processes to the server. */
async function inPools(
  count: number,
  options: LockPoolOptions,
  use: (pools: LockPool[]) => Promise<unknown>,
): Promise<void> {
  const pools = Array.from({ length: count }, () => new LockPool({ connection: server.url, ...options }))
  try {
    await use(pools)
  } finally {
    await Promise.all(pools.map((pool) => pool.close()))
  }
}

const times = <T>(n: number, make: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: n }, (_, i) => make(i)))

type Scene = (pools: LockPool[]) => Promise<unknown>

const SCENES: Readonly<Record<string, Scene>> = {
  'one key that goes to and fro': (pools) =>
    times(12, async (i) => {
      for (let n = 0; n < 30; n++) await pools[i % 3]!.withLock('hot', () => pause(1))
    }),
  'readers and writers': (pools) =>
    times(12, async (i) => {
      const mode = i % 4 === 0 ? 'exclusive' : 'shared'
      for (let n = 0; n < 30; n++) await pools[i % 3]!.withLock('page', { mode }, () => pause(1))
    }),
  'many keys that somebody holds': async ([a, b, c]) => {
    const keys = Array.from({ length: 60 }, (_, i) => `many ${i}`)
    const held = await a!.acquireAll(keys)
    const waiting = [b!, c!].flatMap((pool) => keys.map((key) => pool.acquire(key)))
    await pause(1500)
    await held.release()
    await Promise.all(waiting.map(async (lock) => (await lock).release()))
  },
  'pairs, bigints and keys that share a hash': (pools) =>
    times(12, async (i) => {
      const keys = [[1, 2], [2, 1], 7n, twinOf(7n), [0, 7]] as const
      for (let n = 0; n < 20; n++) {
        const mode = n % 3 === 0 ? 'shared' : 'exclusive'
        await pools[i % 3]!.withLock(keys[(i + n) % 5]!, { mode }, () => pause(1))
      }
    }),
  'a semaphore': (pools) =>
    times(12, async (i) => {
      for (let n = 0; n < 20; n++) await pools[i % 3]!.semaphore('pdf', 2).withPermit(() => pause(1))
    }),
  'several keys at once': (pools) =>
    times(9, async (i) => {
      const keys = ['x', 'y', 'z'].slice(i % 2)
      for (let n = 0; n < 15; n++) await (await pools[i % 3]!.acquireAll(keys)).release()
    }),
  'time limits and aborts': async ([a, b]) => {
    const held = await a!.acquire('late')
    await times(20, (i) =>
      b!
        .acquire('late', i % 2 === 0 ? { timeoutMs: 50 + i } : { signal: AbortSignal.timeout(50 + i) })
        .catch(() => null),
    )
    const reader = b!.acquire('late', { mode: 'shared', timeoutMs: 80 }).catch(() => null)
    expect(await Promise.all([reader, b!.tryAcquire('late')])).toEqual([null, null])
    await held.release()
  },
  'a deadlock between processes': async ([a, b]) => {
    const meet = (pool: LockPool, first: string, second: string): Promise<unknown> =>
      pool
        .withLock(first, async () => {
          await pause(200)
          await pool.withLock(second, () => undefined)
        })
        .catch((error: unknown) => error)
    await Promise.all([meet(a!, 'left', 'right'), meet(b!, 'right', 'left')])
  },
  'an election': async (pools) => {
    const campaigns = pools.map((pool) => pool.campaign('leader', { name: 'me' }))
    await pause(500)
    await Promise.all(campaigns.map((campaign) => campaign.resign()))
  },
  transactions: async ([a, b]) => {
    await times(6, (i) => [a!, b!][i % 2]!.transaction((tx) => tx.lock('in a transaction')))
    await a!.transaction((tx) => tx.tryLock('in a transaction'))
  },
  'closing while others wait': async ([a, b]) => {
    const held = await a!.acquire('closing')
    const waiting = times(5, () => b!.acquire('closing').catch(() => null))
    await pause(300)
    await b!.close()
    await waiting
    await held.release()
  },
}

test.each(Object.keys(SCENES))(
  '%s: the server logs no error',
  async (name) => {
    const before = (await complaints(server)).length

    await inPools(3, {}, SCENES[name]!)

    expect((await complaints(server)).slice(before)).toEqual([])
    await expect.poll(leftovers, { timeout: 5000 }).toBe(0)
  },
  60_000,
)

describe('any calls in any order', () => {
  const KEYS = [7n, twinOf(7n), 9n, 9n + (1n << 40n)]

  type State = 'nothing' | 'waiting' | 'held'

  /** The operations that a session in this state may send for one key. */
  function asks(state: State, mode: LockMode): OperationKind[] {
    if (state === 'nothing') return mode === 'shared' ? ['try', 'wait'] : ['try', 'wait', 'queue']
    if (state === 'waiting') return ['retry', 'poll', 'leave']
    return mode === 'shared' ? ['release', 'join', 'setIntent', 'clearIntent'] : ['release', 'yield']
  }

  function after(kind: OperationKind, answer: string, state: State): State {
    if (answer === 'g') return 'held'
    if (kind === 'leave' || kind === 'release') return 'nothing'
    if (kind === 'try') return 'nothing'
    return kind === 'wait' || kind === 'queue' || kind === 'yield' ? 'waiting' : state
  }

  /** A session that sends random operations, within the limits of real sessions. */
  class Player {
    readonly #link: LockLink
    readonly #random: SeededRandom
    readonly #keys: readonly { readonly key: KeyCode; state: State; mode: LockMode }[]

    constructor(link: LockLink, random: SeededRandom, dialect: PostgresDialect) {
      this.#link = link
      this.#random = random
      this.#keys = KEYS.map((key) => ({
        key: dialect.encodeKey(key, ''),
        state: 'nothing',
        mode: 'exclusive',
      }))
    }

    async play(): Promise<void> {
      const chosen = this.#keys.filter(() => this.#random.next() < 0.5)
      if (chosen.length > 0) await this.#run(chosen, (state, mode) => this.#pick(asks(state, mode)))
    }

    async end(): Promise<void> {
      for (const kind of ['leave', 'clearIntent', 'release'] as const) {
        const those = this.#keys.filter(
          ({ state, mode }) =>
            state === (kind === 'leave' ? 'waiting' : 'held') &&
            (kind !== 'clearIntent' || mode === 'shared'),
        )
        if (those.length > 0) await this.#run(those, () => kind)
      }
    }

    async #run(
      entries: readonly { readonly key: KeyCode; state: State; mode: LockMode }[],
      choose: (state: State, mode: LockMode) => OperationKind,
    ): Promise<void> {
      const operations = entries.map((entry): LockOperation => {
        if (entry.state === 'nothing') entry.mode = this.#random.next() < 0.5 ? 'shared' : 'exclusive'
        return { kind: choose(entry.state, entry.mode), mode: entry.mode, key: entry.key }
      })
      // A reader that releases its lock first clears the intent that it may have set.
      const withIntent = operations.filter(({ kind, mode }) => kind === 'release' && mode === 'shared')
      if (withIntent.length > 0)
        await this.#link.run(withIntent.map((each) => ({ ...each, kind: 'clearIntent' })))
      const { answers } = await this.#link.run(operations)
      entries.forEach((entry, i) => {
        expect(`${operations[i]!.kind} ${answers[i]!}`).not.toMatch(/^(release|yield) n$/)
        entry.state = after(operations[i]!.kind, answers[i]!, entry.state)
      })
    }

    #pick(kinds: readonly OperationKind[]): OperationKind {
      return kinds[Math.floor(this.#random.next() * kinds.length)]!
    }
  }

  test.each([1, 2, 3, 4, 5, 6])('seed %i: every unlock has its lock, and nothing is left', async (seed) => {
    const dialect = new PostgresDialect()
    const factory = new PostgresFactory(clientConfig(readConnection(server.url).settings, 'player'))
    const connections = await times(3, () => factory.open(new AbortController().signal))
    const before = (await complaints(server)).length
    const settings = {
      leaseMs: 60_000,
      fencing: 'off',
      strict: false,
      sender: 'player',
      seen: new SeenTokens(),
    } as const
    const players: Player[] = []
    for (const [i, connection] of connections.entries()) {
      const link = await dialect.attach(connection, settings, () => undefined, null)
      players.push(new Player(link, new SeededRandom(seed * 10 + i), dialect))
    }

    const random = new SeededRandom(seed)
    for (let step = 0; step < 200; step++) await players[Math.floor(random.next() * players.length)]!.play()
    // All sessions act at the same time, so that they interfere with each other.
    for (let step = 0; step < 50; step++) await Promise.all(players.map((player) => player.play()))
    for (const player of players) await player.end()

    await expect.poll(leftovers, { timeout: 5000 }).toBe(0)
    expect((await complaints(server)).slice(before)).toEqual([])
    await Promise.all(connections.map((connection) => factory.close(connection)))
  })
})
