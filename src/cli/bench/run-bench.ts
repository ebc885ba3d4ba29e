import type { ClientConfig } from 'pg'
import { systemClock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import { inTime } from '../../base/in-time.js'
import { systemRandom } from '../../base/random.js'
import type { ServerConnection } from '../../dialect/postgres/connection/server-connection.js'
import { LockPool } from '../../postgres-lock-pool.js'
import { openConnection } from '../server.js'
import { LISTEN_TO_DOCTOR, NOTHING, NOTIFY_DOCTOR } from '../doctor/doctor-sql.js'
import { latencyOf, type Figures, type Latency, type Rate } from './figures.js'

export interface BenchOrder {
  readonly config: ClientConfig
  /** The duration of each measurement. */
  readonly ms: number
  readonly callers: number
  readonly hasTokens: boolean
}

/** The time limit for steps that are normally short. Behind a pooler a notification may never arrive. */
const ANSWER_LIMIT_MS = 10_000

function noNotification(): Error {
  return new ConnectionError(
    'notifications do not arrive, so releases cannot wake waiting callers: see lockpool doctor',
  )
}

/** For many callers, more sessions would gain nothing. */
const CONNECTIONS = 4

/** Runs the measurements one after the other, so that none disturbs another. */
export class Bench {
  readonly #order: BenchOrder
  readonly #say: (what: string) => void
  /** Keys that no other program uses. */
  readonly #namespace = `lockpool bench ${systemRandom.next()}`

  constructor(order: BenchOrder, say: (what: string) => void) {
    this.#order = order
    this.#say = say
  }

  async run(): Promise<Figures> {
    await this.#withConnections((connection) => repeat(100, () => connection.query(NOTHING)))
    const latencies = [
      await this.#step('round trip', (name) => this.#roundTrip(name)),
      await this.#step('notification', (name) => this.#notification(name)),
      await this.#step('one lock: acquire', (name) => this.#oneLock(name)),
      await this.#step('hand-off between two pools', (name) => this.#handOff(name)),
    ]
    const { callers } = this.#order
    const rates = [
      await this.#step('one caller', (name) => this.#crowd(name, 1, (caller) => `own ${caller}`)),
      await this.#step(`${callers} callers`, (name) =>
        this.#crowd(name, callers, (caller) => `own ${caller}`),
      ),
      await this.#step(`${callers} callers, one key`, (name) => this.#crowd(name, callers, () => 'hot')),
    ]
    return { latencies, rates }
  }

  #step<T>(name: string, measure: (name: string) => Promise<T>): Promise<T> {
    this.#say(name)
    return measure(name)
  }

  #roundTrip(name: string): Promise<Latency> {
    return this.#withConnections(async (connection) =>
      latencyOf(name, await this.#timed(() => connection.query(NOTHING))),
    )
  }

  /** From one session to another, as a waiting process is woken. */
  #notification(name: string): Promise<Latency> {
    return this.#withConnections(async (sender, listener) => {
      let heard: (payload: string | undefined) => void = () => undefined
      listener.on('notification', ({ payload }) => heard(payload))
      await listener.query(LISTEN_TO_DOCTOR)
      let count = 0
      const samples = await this.#timed(() => {
        const mark = `${this.#namespace} ${count++}`
        const arrival = new Promise<void>((resolve, reject) => {
          heard = (payload) => payload === mark && resolve()
          sender.query(NOTIFY_DOCTOR, [mark]).catch(reject)
        })
        return inTime(systemClock, ANSWER_LIMIT_MS, arrival, noNotification)
      })
      return latencyOf(name, samples)
    })
  }

  #oneLock(name: string): Promise<Latency> {
    return this.#withPools(1, async ([pool]) => {
      const samples: number[] = []
      const until = systemClock.now() + this.#order.ms
      while (systemClock.now() < until) {
        const since = systemClock.now()
        const lock = await pool!.acquire('one')
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
      let held = await pools[0]!.acquire('ball')
      for (let turn = 1; systemClock.now() < until || samples.length === 0; turn++) {
        const next = pools[turn % 2]!.acquire('ball')
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

  async #withConnections<T>(use: (a: ServerConnection, b: ServerConnection) => Promise<T>): Promise<T> {
    const opened: ServerConnection[] = []
    const open = async (): Promise<ServerConnection> => {
      const connection = await openConnection(this.#order.config)
      opened.push(connection)
      return connection
    }
    try {
      return await use(await open(), await open())
    } finally {
      await Promise.all(opened.map((connection) => connection.close()))
    }
  }

  async #withPools<T>(count: number, use: (pools: readonly LockPool[]) => Promise<T>): Promise<T> {
    const { config: connection, callers, hasTokens } = this.#order
    const pools = Array.from({ length: count }, () => {
      const options = {
        max: CONNECTIONS,
        maxWaiting: callers + 1,
        acquireTimeoutMs: 2 * ANSWER_LIMIT_MS + this.#order.ms,
        keyNames: 'off',
      } as const
      return new LockPool({
        connection,
        namespace: this.#namespace,
        fencing: hasTokens ? 'auto' : 'off',
        ...options,
      })
    })
    try {
      await Promise.all(pools.map((pool) => pool.ready()))
      return await use(pools)
    } finally {
      await Promise.all(pools.map((pool) => pool.close({ graceMs: 0 })))
    }
  }
}

/** Waits until a caller of the pool can be woken: before that, a release would not be a hand-off. */
async function isWaitingIn(pool: LockPool): Promise<void> {
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
