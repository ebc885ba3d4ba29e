import { expect } from 'vitest'
import { sleep } from '../../src/base/clock.js'
import { FakeLockPool } from '../../src/fake-lock-pool.js'
import type { LockMode } from '../../src/dialect/lock-key.js'
import { FakeServer } from '../../src/testing/fake-server.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'

export interface TangleScenario {
  /** Whether all callers take keys in the same order. */
  readonly isOrdered: boolean
  readonly notificationLoss: number
}

interface Wish {
  readonly key: number
  readonly mode: LockMode
}

/** What the test knows about one caller: the locks that it holds, and the lock that it waits for. */
class Caller {
  readonly held: Wish[] = []
  waitsFor: Wish | null = null
  /** When the caller was last part of a cycle. */
  inCycleAt = -Infinity
}

const PROCESSES = 3
const CALLERS = 9
const KEYS = 5
const LATENCY_MS = 2

/**
 * How long after its last cycle a caller may still be refused. Messages about a broken cycle may be under way for this long.
 */
const NEWS_MS = 16 * 4 * LATENCY_MS

/** Callers of several processes that nest locks. An observer records the holds and waits of all of them. */
export class Tangle {
  readonly #clock = new ManualClock()
  readonly #random: SeededRandom
  readonly #server: FakeServer
  readonly #pools: FakeLockPool[]
  readonly #callers = Array.from({ length: CALLERS }, () => new Caller())
  readonly #scenario: TangleScenario
  victims = 0
  readonly innocent: string[] = []

  constructor(seed: number, scenario: TangleScenario) {
    this.#scenario = scenario
    this.#random = new SeededRandom(seed)
    const random = new SeededRandom(seed + 1000)
    this.#server = new FakeServer({ clock: this.#clock, random, latencyMs: LATENCY_MS })
    this.#server.notificationLoss = scenario.notificationLoss
    this.#pools = Array.from(
      { length: PROCESSES },
      (_, i) =>
        new FakeLockPool(this.#server, {}, { clock: this.#clock, random: new SeededRandom(seed * 31 + i) }),
    )
  }

  async run(): Promise<void> {
    let isDone = false
    const all = Promise.all(this.#callers.map((caller, i) => this.#live(caller, this.#pools[i % PROCESSES]!)))
    void all.then(() => (isDone = true))
    for (let i = 0; i < 600 && !isDone; i++) await this.#clock.run(100)
    expect(isDone, `still waiting: ${JSON.stringify(this.#callers)}`).toBe(true)
    await all
    const closed = Promise.all(this.#pools.map((pool) => pool.close({ graceMs: 0 })))
    for (let i = 0; i < 100; i++) await this.#clock.run(100)
    await closed
    expect({ table: this.#server.table.size, timers: this.#clock.armed }).toEqual({ table: 0, timers: 0 })
  }

  async #live(caller: Caller, pool: FakeLockPool): Promise<void> {
    for (let visit = 0; visit < 4; visit++) {
      const keys = new Set(Array.from({ length: 3 }, () => this.#random.below(KEYS)))
      const order = this.#scenario.isOrdered ? [...keys].toSorted((a, b) => a - b) : [...keys]
      const wishes = order.map((key): Wish => ({
        key,
        mode: this.#random.chance(0.3) ? 'shared' : 'exclusive',
      }))
      try {
        await this.#nest(caller, pool, wishes)
      } catch (error) {
        expect((error as { code?: string }).code, String(error)).toBe('LOCK_DEADLOCK')
        this.victims++
        if (this.#clock.now() - caller.inCycleAt > NEWS_MS) this.innocent.push(String(error))
      }
      await sleep(this.#clock, this.#random.below(20))
    }
  }

  async #nest(caller: Caller, pool: FakeLockPool, wishes: readonly Wish[]): Promise<void> {
    const [wish, ...rest] = wishes
    if (wish === undefined) return sleep(this.#clock, this.#random.below(60))
    caller.waitsFor = wish
    this.#look()
    try {
      await pool.withLock(`${wish.key}`, { mode: wish.mode, timeoutMs: Infinity }, async () => {
        caller.waitsFor = null
        caller.held.push(wish)
        this.#look()
        await sleep(this.#clock, this.#random.below(10))
        try {
          await this.#nest(caller, pool, rest)
        } finally {
          caller.held.pop()
        }
      })
    } finally {
      // Looks before `waitsFor` is cleared: a cycle may have lasted until now.
      this.#look()
      caller.waitsFor = null
    }
  }

  #look(): void {
    for (const caller of this.#callers) if (this.#isInCycle(caller)) caller.inCycleAt = this.#clock.now()
  }

  #isInCycle(caller: Caller): boolean {
    const seen = new Set<Caller>()
    const line = [...this.#blockers(caller)]
    for (const blocker of line) {
      if (blocker === caller) return true
      if (seen.has(blocker)) continue
      seen.add(blocker)
      line.push(...this.#blockers(blocker))
    }
    return false
  }

  /** The holders that block the caller. A shared holder blocks writers, and also readers if a writer waits for the key. */
  #blockers({ waitsFor }: Caller): Caller[] {
    if (waitsFor === null) return []
    const isWriterThere = this.#callers.some(
      ({ waitsFor: other }) => other?.key === waitsFor.key && other.mode === 'exclusive',
    )
    return this.#callers.filter(({ held }) =>
      held.some(({ key, mode }) => key === waitsFor.key && (mode === 'exclusive' || isWriterThere)),
    )
  }
}
