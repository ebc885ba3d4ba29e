import { expect } from 'vitest'
import { sleep } from '../../src/base/clock.js'
import { FakeLockPool } from '../../src/fake-lock-pool.js'
import type { Permit } from '../../src/lock/semaphore/permit.js'
import { FakeServer } from '../../src/testing/fake-server.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'

export interface SemaphoreScenario {
  readonly processes: number
  readonly callers: number
  readonly permits: number
  readonly latencyMs: number
  readonly holdMs: number
  readonly max: number
  readonly steps: number
  /** Whether sessions can wait in the server queue. Default true. */
  readonly hasLines?: boolean
  /** Whether all callers wait without a limit. Otherwise callers may time out, abort, or try only once. */
  readonly isPatient: boolean
  /** Chance of each fault, per step. */
  readonly faults: Partial<Record<'kill' | 'cut' | 'failBatch', number>>
}

const LEASE_MS = 3000

/** Several processes that share one semaphore on one server, all in one program. It is a smaller version of `Town`. */
export class SemaphoreTown {
  readonly clock: ManualClock = new ManualClock()
  readonly server: FakeServer
  readonly #random: SeededRandom
  readonly #scenario: SemaphoreScenario
  readonly #pools: FakeLockPool[]
  readonly #held = new Set<Permit>()
  /** The greatest token granted so far, by permit number. */
  readonly #highest = new Map<number, bigint>()
  /** The number of granted permits, by process. */
  readonly grants: number[]
  #isWinding = false
  faults = 0
  longestWaitMs = 0
  /** The longest time that permits were free at the server while a caller waited. */
  longestIdleMs = 0
  #idleSince: number | null = null

  constructor(seed: number, scenario: SemaphoreScenario) {
    this.#random = new SeededRandom(seed)
    this.#scenario = scenario
    const random = new SeededRandom(seed + 1)
    this.server = new FakeServer({ clock: this.clock, random, latencyMs: scenario.latencyMs })
    if (scenario.hasLines === false) this.server.longestWaitMs = 0
    this.grants = Array.from({ length: scenario.processes }, () => 0)
    this.#pools = this.grants.map(
      (_, i) =>
        new FakeLockPool(
          this.server,
          { max: scenario.max, leaseMs: LEASE_MS },
          { clock: this.clock, random: new SeededRandom(seed * 31 + i) },
        ),
    )
  }

  async run(): Promise<void> {
    const tasks = Array.from({ length: this.#scenario.callers }, (_, i) =>
      this.#caller(i % this.#pools.length),
    )
    for (let step = 0; step < this.#scenario.steps; step++) {
      this.#fault()
      await this.clock.run(this.#random.below(10))
      this.#checkHolders()
      this.#watchIdle()
    }
    await this.#windDown(tasks)
  }

  #watchIdle(): void {
    const slots = Array.from({ length: this.#scenario.permits }, (_, i) => this.#slotId(i))
    const isFree = slots.some((id) => this.server.table.holders(id).length === 0)
    const isWaitedFor = this.#pools.some((pool) =>
      pool.snapshot().semaphores.some(({ waiters }) => waiters.length > 0),
    )
    const now = this.clock.now()
    this.#idleSince = isFree && isWaitedFor ? (this.#idleSince ?? now) : null
    if (this.#idleSince !== null) this.longestIdleMs = Math.max(this.longestIdleMs, now - this.#idleSince)
  }

  async #caller(process: number): Promise<void> {
    const semaphore = this.#pools[process]!.semaphore('s', this.#scenario.permits)
    while (!this.#isWinding) {
      const since = this.clock.now()
      try {
        const permit = this.#scenario.isPatient
          ? await semaphore.acquire({ timeoutMs: Infinity })
          : await this.#impatient(process)
        if (permit === null) await sleep(this.clock, 1)
        else {
          this.longestWaitMs = Math.max(this.longestWaitMs, this.clock.now() - since)
          await this.#hold(process, permit)
        }
      } catch (error) {
        const { code } = error as { code?: string }
        expect(['LOCK_TIMEOUT', 'LOCK_LOST', 'CONNECTION_FAILED', 'ABORTED']).toContain(code)
        await sleep(this.clock, this.#random.below(50))
      }
    }
  }

  #impatient(process: number): Promise<Permit | null> {
    const semaphore = this.#pools[process]!.semaphore('s', this.#scenario.permits)
    const controller = new AbortController()
    const cancel = this.#random.chance(0.2)
      ? this.clock.after(this.#random.below(30), () => controller.abort({ code: 'ABORTED' }))
      : (): void => undefined
    const { signal } = controller
    const timeoutMs = this.#random.pick([Infinity, 40, 5, 0])
    const permit = this.#random.chance(0.2)
      ? semaphore.tryAcquire({ signal })
      : semaphore.acquire({ timeoutMs, signal })
    return permit.finally(cancel)
  }

  async #hold(process: number, permit: Permit): Promise<void> {
    this.grants[process]!++
    expect(permit.token, `a token of permit ${permit.number} that does not grow`).toBeGreaterThan(
      this.#highest.get(permit.number) ?? 0n,
    )
    this.#highest.set(permit.number, permit.token)
    this.#held.add(permit)
    this.#checkHolders()
    await sleep(this.clock, this.#random.below(this.#scenario.holdMs + 1))
    this.#held.delete(permit)
    await permit.release()
  }

  /** Counts the holders in the processes, and the holders at the server, which include grants that are still on their way. */
  #checkHolders(): void {
    const held = [...this.#held].filter((permit) => permit.state === 'held')
    expect(held.length).toBeLessThanOrEqual(this.#scenario.permits)
    expect(new Set(held.map((permit) => permit.number)).size, 'two with one number').toBe(held.length)
    for (let i = 0; i < this.#scenario.permits; i++)
      expect(this.server.table.holders(this.#slotId(i)).length).toBeLessThanOrEqual(1)
  }

  #slotId(slot: number): string {
    return this.server.dialect.encodeSemaphore('s', this.#scenario.permits, '').slot(slot).id
  }

  #fault(): void {
    const { kill = 0, cut = 0, failBatch = 0 } = this.#scenario.faults
    const connections = [...this.server.connections].filter((connection) => !connection.isCutOff)
    if (this.#random.chance(failBatch)) {
      this.faults++
      this.server.failNextBatch(this.#random.below(4))
    }
    if (connections.length > 0 && this.#random.chance(kill)) {
      this.faults++
      this.server.end(this.#random.pick(connections))
    } else if (connections.length > 0 && this.#random.chance(cut)) {
      this.faults++
      const connection = this.#random.pick(connections)
      connection.isCutOff = true
      this.clock.after(this.#random.below(6000), () => (connection.isCutOff = false))
    }
  }

  /** Ends all faults. Then every waiting caller must be served, all permits must be free, and nothing may be left. */
  async #windDown(tasks: readonly Promise<void>[]): Promise<void> {
    this.#isWinding = true
    for (const connection of this.server.connections) connection.isCutOff = false
    let isDone = false
    void Promise.all(tasks).then(() => (isDone = true))
    for (let i = 0; i < 400 && !isDone; i++) {
      await this.clock.run(100)
      this.#checkHolders()
    }
    const left = JSON.stringify(this.#pools.map((pool) => pool.snapshot().semaphores))
    expect(isDone, `callers still wait: ${left}`).toBe(true)
    await Promise.all(tasks)
    await this.clock.run(100)
    // The server keeps the permits of lost connections until their leases are over.
    for (let i = 0; i < 60 && this.server.table.size > 0; i++) await this.clock.run(100)
    for (let i = 0; i < this.#scenario.permits; i++)
      expect(this.server.table.holders(this.#slotId(i)), `permit ${i + 1} is not back`).toEqual([])
    expect(this.server.table.size, 'something is left over before the end').toBe(0)
    const closed = Promise.all(this.#pools.map((pool) => pool.close({ graceMs: 0 })))
    for (let i = 0; i < 100; i++) await this.clock.run(100)
    await closed
    const { connections, table } = this.server
    const { armed } = this.clock
    expect({ connections: connections.size, table: table.size, timers: armed }).toEqual({
      connections: 0,
      table: 0,
      timers: 0,
    })
  }
}
