import { resolveLockPoolOptions, type LockPoolOptions } from '../../src/lock/lock-pool-options.js'
import { LockPool } from '../../src/lock/lock-pool.js'
import type { FakeConnection } from '../../src/testing/fake-connection.js'
import type { FakeServer } from '../../src/testing/fake-server.js'
import type { ManualClock } from '../../src/testing/manual-clock.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { Gate } from './gate.js'
import { ProcessClock } from './process-clock.js'
import { portsThrough, rowPortsThrough, type ProcessPorts } from './process-ports.js'
import type { RowWorld } from './rows/row-world.js'
import type { Hold, Witness } from './witness.js'

interface ProcessOrder {
  readonly name: string
  readonly seed: number
  /** The rate of its clocks. The server's clock has the rate 1. */
  readonly rate: number
  readonly options: LockPoolOptions
  /** If locks are rows: the rows, and whether the process gets notifications about them. */
  readonly rows: { readonly world: RowWorld; readonly isNotified: boolean } | null
}

/** One life of a process: its clocks, its pool, and the holds that its callers believe in. */
export class SimProcess {
  readonly name: string
  readonly clock: ProcessClock
  readonly pool: LockPool<FakeConnection>
  readonly holds: Set<Hold> = new Set()
  readonly #world: ManualClock
  readonly #gate: Gate
  readonly #ports: ProcessPorts
  readonly #server: FakeServer
  readonly #witness: Witness
  /** How often the process was stopped. An answer that arrives after a stop may be old. */
  stops = 0

  constructor(world: ManualClock, server: FakeServer, witness: Witness, order: ProcessOrder) {
    this.name = order.name
    this.#world = world
    this.#server = server
    this.#witness = witness
    this.#gate = new Gate((act) => void world.after(0, act))
    this.clock = new ProcessClock(world, this.#gate, order.rate)
    this.#ports = this.#portsOf(order)
    this.pool = new LockPool(resolveLockPoolOptions(order.options), {
      factory: this.#ports.factory,
      dialect: this.#ports.dialect,
      clock: this.clock,
      random: new SeededRandom(order.seed),
    })
  }

  #portsOf({ name, seed, rows }: ProcessOrder): ProcessPorts {
    if (rows === null) return portsThrough(this.#gate, this.#server)
    const { world, isNotified } = rows
    const own = { name, clock: this.clock, random: new SeededRandom(seed ^ 0x40115), isNotified }
    return rowPortsThrough(this.#gate, this.#server, world, own)
  }

  get isRunning(): boolean {
    return this.#gate.isOpen
  }

  get isDead(): boolean {
    return this.#gate.isDead
  }

  get connections(): readonly FakeConnection[] {
    return [...this.#ports.connections]
  }

  /** Passes an answer of the guarded resource, which is not the server, through the gate. */
  hears<T>(answer: Promise<T>): Promise<T> {
    return this.#gate.answered(answer)
  }

  /** Checks every lock that the process holds, as its application would. */
  look(): void {
    if (this.isRunning) for (const hold of this.holds) this.#witness.look(hold)
  }

  /** `isAsleep` means that the whole machine sleeps, so its monotonic clock stands still too. */
  stop(ms: number, isAsleep: boolean): void {
    if (!this.isRunning) return
    this.stops++
    this.#gate.stop()
    if (isAsleep) this.clock.sleep()
    this.#world.after(ms, () => this.goOn())
  }

  /** The application may check its locks before any timer has fired. */
  goOn(): void {
    if (this.isRunning || this.isDead) return
    this.clock.wake()
    for (const hold of this.holds) this.#witness.look(hold)
    this.#gate.goOn()
  }

  /**
   * Ends the process without a release. Its operating system closes the connections. The server notices that unless they are
   * cut off.
   */
  die(): void {
    this.#gate.die()
    this.clock.die()
    for (const connection of this.connections) this.#server.factory.destroy(connection)
    for (const hold of this.holds) this.#witness.ended(hold)
    this.holds.clear()
  }
}
