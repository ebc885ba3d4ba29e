import { systemClock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import { systemRandom } from '../../base/random.js'
import type { LockPool } from '../../lock/lock-pool.js'
import type { LockPoolOptions } from '../../lock/lock-pool-options.js'
import { latencyOf, type Figures, type Latency, type Rate } from './figures.js'

/** What the measurements use of a connection. */
export interface BenchConnection {
  /** The shortest statement that the server answers. */
  roundTrip(): Promise<unknown>
  close(): Promise<void>
}

/** What the measurements use of a pool, for every database. */
export interface BenchPool extends Pick<LockPool<object>, 'acquire' | 'snapshot' | 'close'> {
  ready(): Promise<unknown>
}

/** The server that is measured. */
export interface BenchServer<Connection extends BenchConnection = BenchConnection> {
  open(): Promise<Connection>
  makePool(options: LockPoolOptions): BenchPool
  /** How a session wakes another one; null if waiters poll, because the server cannot wake them. */
  readonly wakeUp: {
    readonly name: string
    /** Prepares two connections, and returns what wakes the second one from the first one. */
    prepare(sender: Connection, listener: Connection, mark: string): Promise<WakeOnce>
  } | null
}

/** Wakes once, and returns how long that took, in milliseconds. */
export type WakeOnce = () => Promise<number>

export interface BenchOrder {
  /** The duration of each measurement. */
  readonly ms: number
  readonly callers: number
}

/** The time limit for steps that are normally short. Behind a pooler a notification may never arrive. */
export const ANSWER_LIMIT_MS = 10_000

export function noNotification(): Error {
  return new ConnectionError(
    'notifications do not arrive, so releases cannot wake waiting callers: see lockpool doctor',
  )
}

/** For many callers, more sessions would gain nothing. */
const CONNECTIONS = 4

/** Every key that the measurements lock. */
export function keysOf(callers: number): string[] {
  return [ONE, BALL, HOT, ...Array.from({ length: callers }, (_, caller) => ownKey(caller))]
}

const ONE = 'one'
const BALL = 'ball'
const HOT = 'hot'

function ownKey(caller: number): string {
  return `own ${caller}`
}

/** Runs the measurements one after the other, so that none disturbs another. */
export class Bench<Connection extends BenchConnection> {
  readonly #server: BenchServer<Connection>
  readonly #order: BenchOrder
  readonly #say: (what: string) => void
  /** Keys that no other program uses. */
  readonly namespace: string = `lockpool bench ${systemRandom.next()}`

  constructor(server: BenchServer<Connection>, order: BenchOrder, say: (what: string) => void) {
    this.#server = server
    this.#order = order
    this.#say = say
  }

  async run(): Promise<Figures> {
    await this.#withConnections((connection) => repeat(100, () => connection.roundTrip()))
    const latencies = [
      await this.#step('round trip', (name) => this.#roundTrip(name)),
      ...(await this.#wakeUps()),
      await this.#step('one lock: acquire', (name) => this.#oneLock(name)),
      await this.#step('hand-off between two pools', (name) => this.#handOff(name)),
    ]
    const { callers } = this.#order
    const rates = [
      await this.#step('one caller', (name) => this.#crowd(name, 1, ownKey)),
      await this.#step(`${callers} callers`, (name) => this.#crowd(name, callers, ownKey)),
      await this.#step(`${callers} callers, one key`, (name) => this.#crowd(name, callers, () => HOT)),
    ]
    return { latencies, rates }
  }

  #step<T>(name: string, measure: (name: string) => Promise<T>): Promise<T> {
    this.#say(name)
    return measure(name)
  }

  #roundTrip(name: string): Promise<Latency> {
    return this.#withConnections(async (connection) =>
      latencyOf(name, await this.#timed(() => connection.roundTrip())),
    )
  }

  /** From one session to another, as a waiting process is woken. */
  async #wakeUps(): Promise<Latency[]> {
    const { wakeUp } = this.#server
    if (wakeUp === null) return []
    const latency = await this.#step(wakeUp.name, (name) =>
      this.#withConnections(async (sender, listener) => {
        const wake = await wakeUp.prepare(sender, listener, this.namespace)
        const samples: number[] = []
        const until = systemClock.now() + this.#order.ms
        while (systemClock.now() < until || samples.length === 0) samples.push(await wake())
        return latencyOf(name, samples)
      }),
    )
    return [latency]
  }

  #oneLock(name: string): Promise<Latency> {
    return this.#withPools(1, async ([pool]) => {
      const samples: number[] = []
      const until = systemClock.now() + this.#order.ms
      while (systemClock.now() < until) {
        const since = systemClock.now()
        const lock = await pool!.acquire(ONE)
        samples.push(systemClock.now() - since)
        await lock.release()
      }
      return latencyOf(name, samples)
    })
  }

  /** Two pools, as two processes: the time from the release in one until the other has the lock. */
  #handOff(name: string): Promise<Latency> {
    return this.#withPools(2, async (pools) => {
      const samples: number[] = []
      const until = systemClock.now() + this.#order.ms
      let held = await pools[0]!.acquire(BALL)
      for (let turn = 1; systemClock.now() < until || samples.length === 0; turn++) {
        const next = pools[turn % 2]!.acquire(BALL)
        // If another error closes the pool, this request is refused too; that other error is reported.
        next.catch(() => undefined)
        await isWaitingIn(pools[turn % 2]!)
        const since = systemClock.now()
        await held.release()
        held = await next
        samples.push(systemClock.now() - since)
      }
      await held.release()
      return latencyOf(name, samples)
    })
  }

  /**
   * Counts acquire and release pairs of this many callers. Each caller takes its next key after it has released the last one.
   */
  #crowd(name: string, callers: number, keyOf: (caller: number) => string): Promise<Rate> {
    return this.#withPools(1, async ([pool]) => {
      let pairs = 0
      const since = systemClock.now()
      const until = since + this.#order.ms
      const call = async (caller: number): Promise<void> => {
        while (systemClock.now() < until) {
          const lock = await pool!.acquire(keyOf(caller))
          await lock.release()
          pairs++
        }
      }
      await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)))
      return { name, perSecond: (pairs / (systemClock.now() - since)) * 1000 }
    })
  }

  async #timed(act: () => Promise<unknown>): Promise<number[]> {
    const samples: number[] = []
    const until = systemClock.now() + this.#order.ms
    while (systemClock.now() < until || samples.length === 0) {
      const since = systemClock.now()
      await act()
      samples.push(systemClock.now() - since)
    }
    return samples
  }

  async #withConnections<T>(use: (a: Connection, b: Connection) => Promise<T>): Promise<T> {
    const opened: Connection[] = []
    const open = async (): Promise<Connection> => {
      const connection = await this.#server.open()
      opened.push(connection)
      return connection
    }
    try {
      return await use(await open(), await open())
    } finally {
      await Promise.all(opened.map((connection) => connection.close()))
    }
  }

  async #withPools<T>(count: number, use: (pools: readonly BenchPool[]) => Promise<T>): Promise<T> {
    const { callers, ms } = this.#order
    const pools = Array.from({ length: count }, () =>
      this.#server.makePool({
        max: CONNECTIONS,
        maxWaiting: callers + 1,
        acquireTimeoutMs: 2 * ANSWER_LIMIT_MS + ms,
        keyNames: 'off',
        namespace: this.namespace,
      }),
    )
    try {
      await Promise.all(pools.map((pool) => pool.ready()))
      return await use(pools)
    } finally {
      await Promise.all(pools.map((pool) => pool.close({ graceMs: 0 })))
    }
  }
}

/** Waits until a caller of the pool can be woken: before that, a release would not be a hand-off. */
async function isWaitingIn(pool: BenchPool): Promise<void> {
  const until = systemClock.now() + ANSWER_LIMIT_MS
  while (systemClock.now() < until) {
    const { keys, listener } = pool.snapshot()
    if (listener === 'listening' && keys.some(({ state }) => state === 'waiting' || state === 'queued'))
      return
    await new Promise<void>((resolve) => void systemClock.after(1, resolve))
  }
  throw noNotification()
}

async function repeat(times: number, act: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < times; i++) await act()
}
