/**
 * Goal: processes that want one key all the time get it in a fair order, without faults.
 * Method: each process has one caller. It holds the key for two milliseconds and requests it again at once. Every message has
 * its own delay. A grant to a caller that asked later counts as overtaking. Time is virtual.
 */
import { expect, test } from 'vitest'
import { sleep } from '../../src/base/clock.js'
import type { LockMode } from '../../src/dialect/lock-key.js'
import { FakeServer } from '../../src/testing/fake-server.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { runSeeds } from './seeds.js'
import { SimProcess } from './sim-process.js'
import { Witness } from './witness.js'

const HOLD_MS = 2
const LEASE_MS = 15_000
/** How long the processes may take to notice each other. Requests in this time are not counted. */
const START_MS = 3000
const LENGTH_MS = 10_000

interface Rivalry {
  readonly processes: number
  /** The share of callers that request shared mode. */
  readonly readers: number
  /** How long a session may wait in the server queue. 0 if it cannot. */
  readonly waitMs: number
  /** The number of processes whose only session holds another lock, so that they cannot wait in the server queue. */
  readonly listeners: number
}

interface Course {
  /** The largest number of grants that overtook one request. */
  readonly overtaken: number
  /** The smallest share of a process. A fair share is 1. */
  readonly leastShare: number
  /** The longest wait, in multiples of a hold. */
  readonly longest: number
  /** The number of statements per grant. */
  readonly statements: number
}

class Rivals {
  readonly #clock = new ManualClock()
  readonly #rivalry: Rivalry
  readonly #seed: number
  readonly #asked: number[] = []
  readonly #grants: number[]
  #overtaken = 0
  #longestMs = 0
  #statements = 0
  #isOver = false

  constructor(seed: number, rivalry: Rivalry) {
    this.#seed = seed
    this.#rivalry = rivalry
    this.#grants = Array.from({ length: rivalry.processes }, () => 0)
  }

  async run(): Promise<void> {
    const clock = this.#clock
    const random = new SeededRandom(this.#seed)
    const server = new FakeServer({ clock, random: new SeededRandom(this.#seed + 1), latencyMs: 0.3 })
    server.longestWaitMs = this.#rivalry.waitMs
    const complain = (what: string): never => {
      throw new Error(what)
    }
    const witness = new Witness(clock, LEASE_MS, () => false, complain)
    const processes = this.#grants.map((_, place) => {
      const options = { max: place < this.#rivalry.listeners ? 2 : 3, leaseMs: LEASE_MS }
      return new SimProcess(clock, server, witness, {
        ...{ name: `p${place}`, seed: this.#seed * 31 + place, rate: 1, options, rows: null },
      })
    })
    const living = processes.map((process, place) =>
      this.#live(process, place, random.chance(this.#rivalry.readers) ? 'shared' : 'exclusive'),
    )
    await clock.run(START_MS)
    const before = server.statements
    await clock.run(LENGTH_MS)
    this.#statements = server.statements - before
    this.#isOver = true
    const ended = Promise.all(living).then(() => Promise.all(processes.map(({ pool }) => pool.close())))
    await clock.run(20_000)
    await ended
    expect(server.connections.size).toBe(0)
  }

  get course(): Course {
    const fair = this.#grants.reduce((sum, each) => sum + each) / this.#grants.length
    return {
      overtaken: this.#overtaken,
      leastShare: Math.min(...this.#grants) / fair,
      longest: this.#longestMs / HOLD_MS,
      statements: this.#statements / this.#grants.reduce((sum, each) => sum + each),
    }
  }

  async #live({ pool }: SimProcess, place: number, mode: LockMode): Promise<void> {
    const other = place < this.#rivalry.listeners ? await pool.acquire(`other ${place}`) : null
    while (!this.#isOver) {
      const askedAt = this.#clock.now()
      this.#asked[place] = askedAt
      let overtaken = 0
      const overtakes = (other: number): void => {
        if (other > askedAt) overtaken++
      }
      this.#passers.add(overtakes)
      const lock = await pool.acquire('hot', { mode })
      this.#passers.delete(overtakes)
      for (const passed of this.#passers) passed(askedAt)
      if (askedAt >= START_MS && !this.#isOver) {
        this.#grants[place]!++
        this.#overtaken = Math.max(this.#overtaken, overtaken)
        this.#longestMs = Math.max(this.#longestMs, this.#clock.now() - askedAt)
      }
      await sleep(this.#clock, HOLD_MS)
      await lock.release()
    }
    await other?.release()
  }

  readonly #passers = new Set<(askedAt: number) => void>()
}

async function worstOf(count: number, rivalry: Rivalry): Promise<Course> {
  const courses: Course[] = []
  await runSeeds(
    count,
    (seed) => new Rivals(seed, rivalry),
    ({ course }) => courses.push(course),
  )
  return {
    overtaken: Math.max(...courses.map(({ overtaken }) => overtaken)),
    leastShare: Math.min(...courses.map(({ leastShare }) => leastShare)),
    longest: Math.max(...courses.map(({ longest }) => longest)),
    statements: Math.max(...courses.map(({ statements }) => statements)),
  }
}

const EIGHT: Rivalry = { processes: 8, readers: 0, waitMs: 750, listeners: 0 }

test.each([
  ['writers', 0, 1],
  ['readers and writers', 0.4, 3],
])('in the queue of the server %s come in the order in which they ask', async (_, readers, atMost) => {
  const { overtaken, leastShare, longest } = await worstOf(6, { ...EIGHT, readers })

  // Two callers that ask within the time of one message may be served in either order.
  expect(overtaken).toBeLessThanOrEqual(atMost)
  expect(leastShare).toBeGreaterThan(0.98)
  expect(longest).toBeLessThan(10)
})

test('thirty-two processes that begin at once find the queue, and stay in it', async () => {
  const { statements, leastShare } = await worstOf(3, { ...EIGHT, processes: 32 })

  // The minimum is two statements: a lock and an unlock.
  expect(statements).toBeLessThan(2.1)
  expect(leastShare).toBeGreaterThan(0.98)
})

test('all are served even if a round takes longer than one may wait in the server', async () => {
  const { leastShare, longest } = await worstOf(4, { ...EIGHT, processes: 24, waitMs: 20 })

  expect(leastShare).toBeGreaterThan(0.5)
  expect(longest).toBeLessThan(24 * 20)
})

test('a process that can only listen gets its turn among processes in the server queue', async () => {
  const { leastShare, longest } = await worstOf(4, { ...EIGHT, listeners: 1 })

  expect(leastShare).toBeGreaterThan(0.04)
  expect(longest * HOLD_MS).toBeLessThan(6000)
})

test('all get their share if no process can wait in the server', async () => {
  const { overtaken, leastShare, longest } = await worstOf(3, { ...EIGHT, processes: 6, waitMs: 0 })

  expect(overtaken).toBeLessThan(20)
  expect(leastShare).toBeGreaterThan(0.9)
  expect(longest).toBeLessThan(30)
})
