import { expect } from 'vitest'
import { sleep } from '../../src/base/clock.js'
import { FakeLockPool } from '../../src/fake-lock-pool.js'
import type { LockMode } from '../../src/dialect/lock-key.js'
import type { Lock } from '../../src/lock/lock.js'
import type { FakeConnection } from '../../src/testing/fake-connection.js'
import { FakeServer } from '../../src/testing/fake-server.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'

/** What a run is made of. Everything else follows from the seed. */
export interface Scenario {
  readonly processes: number
  readonly callers: number
  readonly keys: number
  /** Part of the calls that ask for shared mode. */
  readonly readers: number
  /** Longest way of a message, and longest hold. */
  readonly latencyMs: number
  readonly holdMs: number
  readonly max: number
  readonly steps: number
  /** Longest time between two steps. Default 10. */
  readonly stepMs?: number
  readonly strict?: boolean
  /** Two holders at once are counted instead of being an error. */
  readonly countsOverlaps?: boolean
  /** Chance of each fault, per step. */
  readonly faults: Partial<Record<Fault, number>>
}

/** `ghost`: the server ends a session that is cut off, so that its client goes on believing. */
export type Fault = 'kill' | 'cut' | 'failBatch' | 'restart' | 'ghost'

interface Grant {
  readonly key: string
  readonly mode: LockMode
  readonly token: bigint
}

const LEASE_MS = 3000

/**
 * A service of several processes that lock in one server, all in one program: time stands still until it is moved, chance
 * comes from a seed, so a run can be repeated exactly. While it goes on, everything promised is checked.
 */
export class Town {
  readonly clock: ManualClock = new ManualClock()
  readonly random: SeededRandom
  readonly server: FakeServer
  readonly #scenario: Scenario
  readonly #pools: FakeLockPool[]
  readonly #held = new Set<Lock>()
  /** The greatest token granted so far, by key. */
  readonly #highest = new Map<string, bigint>()
  readonly #tasks: Promise<void>[] = []
  readonly #cutOff = new Set<FakeConnection>()
  #isWinding = false
  grants = 0
  refusals = 0
  faults = 0
  grantedByPoll = 0
  overlaps = 0

  constructor(seed: number, scenario: Scenario) {
    this.random = new SeededRandom(seed)
    this.#scenario = scenario
    this.server = new FakeServer({
      clock: this.clock,
      random: new SeededRandom(seed + 1),
      latencyMs: scenario.latencyMs,
    })
    this.#watchPolls()
    this.#pools = Array.from({ length: scenario.processes }, (_, i) => {
      const random = new SeededRandom(seed * 31 + i)
      return new FakeLockPool(
        this.server,
        { max: scenario.max, leaseMs: LEASE_MS, strict: scenario.strict ?? false },
        { clock: this.clock, random },
      )
    })
  }

  /** Lives through all steps, lets everybody finish, and finds nothing left. */
  async run(): Promise<void> {
    for (let i = 0; i < this.#scenario.callers; i++) this.#tasks.push(this.#caller(i % this.#pools.length))
    for (let step = 0; step < this.#scenario.steps; step++) {
      this.#fault()
      await this.clock.run(this.random.below(this.#scenario.stepMs ?? 10))
      this.#checkExclusion()
    }
    await this.#windDown()
  }

  async #caller(process: number): Promise<void> {
    while (!this.#isWinding) {
      const key = `key ${this.random.below(this.#scenario.keys)}`
      const mode: LockMode = this.random.chance(this.#scenario.readers) ? 'shared' : 'exclusive'
      try {
        await this.#visit(this.#pools[process]!, key, mode)
      } catch (error) {
        this.refusals++
        const { code } = error as { code?: string }
        expect(['LOCK_TIMEOUT', 'LOCK_LOST', 'CONNECTION_FAILED', 'ABORTED']).toContain(code)
        await sleep(this.clock, this.random.below(50))
      }
    }
  }

  async #visit(pool: FakeLockPool, key: string, mode: LockMode): Promise<void> {
    const before = this.#highest.get(key) ?? 0n
    const timeoutMs = this.random.pick([Infinity, 30_000, 40, 5])
    const controller = new AbortController()
    const cancel = this.random.chance(0.1)
      ? this.clock.after(this.random.below(30), () => controller.abort({ code: 'ABORTED' }))
      : (): void => undefined
    const lock = await (
      this.random.chance(0.1)
        ? pool.tryAcquire(key, { mode, signal: controller.signal })
        : pool.acquire(key, { mode, timeoutMs, signal: controller.signal })
    ).finally(cancel)
    if (lock === null) return
    this.#granted({ key, mode, token: lock.token }, before)
    this.#held.add(lock)
    this.#checkExclusion()
    await sleep(this.clock, this.random.below(this.#scenario.holdMs + 1))
    this.#held.delete(lock)
    await lock.release()
  }

  /** Of two grants that do not overlap, the later has the greater token; readers who overlap may come in any order. */
  #granted({ key, mode, token }: Grant, before: bigint): void {
    this.grants++
    const highest = this.#highest.get(key) ?? 0n
    expect(token, `a token of ${key} that does not grow`).toBeGreaterThan(
      mode === 'exclusive' ? highest : before,
    )
    if (token > highest) this.#highest.set(key, token)
  }

  /** As an application would see it: by `lock.state`, at the same moment everywhere. */
  #checkExclusion(): void {
    const byKey = new Map<string, Lock[]>()
    for (const lock of this.#held) {
      if (lock.state !== 'held') continue
      byKey.set(String(lock.key), [...(byKey.get(String(lock.key)) ?? []), lock])
    }
    for (const [key, locks] of byKey) {
      const writers = locks.filter((lock) => lock.mode === 'exclusive').length
      if (writers === 0 || locks.length === 1) continue
      this.overlaps++
      if (this.#scenario.countsOverlaps === true) continue
      expect.unreachable(`${locks.length} hold ${key}, ${writers} of them to write`)
    }
  }

  #fault(): void {
    for (const [fault, chance] of Object.entries(this.#scenario.faults) as [Fault, number][]) {
      if (!this.random.chance(chance)) continue
      this.faults++
      this.#strike(fault)
    }
  }

  #strike(fault: Fault): void {
    const connections = [...this.server.connections].filter((connection) => !connection.isCutOff)
    switch (fault) {
      case 'failBatch':
        return this.server.failNextBatch(this.random.below(4))
      case 'restart':
        this.server.stop()
        this.clock.after(this.random.below(2000), () => this.server.start())
        return
      case 'kill':
        if (connections.length > 0) this.server.end(this.random.pick(connections))
        return
      case 'ghost':
        if (this.#cutOff.size > 0) this.server.end(this.random.pick([...this.#cutOff]))
        else if (connections.length > 0) this.#cut(this.random.pick(connections))
        return
      case 'cut':
        if (connections.length > 0) this.#cut(this.random.pick(connections))
        return
    }
  }

  #cut(connection: FakeConnection): void {
    connection.isCutOff = true
    this.#cutOff.add(connection)
    this.clock.after(this.random.below(6000), () => this.#mend(connection))
  }

  #mend(connection: FakeConnection): void {
    connection.isCutOff = false
    this.#cutOff.delete(connection)
  }

  /** No more faults, no new calls: everybody who waits must be served, and then nothing may be left. */
  async #windDown(): Promise<void> {
    this.#isWinding = true
    for (const connection of this.#cutOff) this.#mend(connection)
    this.server.start()
    let isDone = false
    void Promise.all(this.#tasks).then(() => (isDone = true))
    for (let i = 0; i < 400 && !isDone; i++) {
      await this.clock.run(100)
      this.#checkExclusion()
    }
    expect(
      isDone,
      `callers still wait: ${JSON.stringify(this.#pools.map((pool) => pool.snapshot().keys))}`,
    ).toBe(true)
    await Promise.all(this.#tasks)
    const closed = Promise.all(this.#pools.map((pool) => pool.close({ graceMs: 0 })))
    for (let i = 0; i < 100; i++) await this.clock.run(100)
    await closed
    expect({
      connections: this.server.connections.size,
      table: this.server.table.size,
      timers: this.clock.armed,
      held: this.#held.size,
    }).toEqual({ connections: 0, table: 0, timers: 0, held: 0 })
  }

  /** A lock that is got by polling was not announced by the bell. */
  #watchPolls(): void {
    const { table } = this.server
    const apply = table.apply.bind(table)
    table.apply = (owner, operation) => {
      const answer = apply(owner, operation)
      if (operation.kind === 'poll' && answer === 'g') this.grantedByPoll++
      return answer
    }
  }
}
