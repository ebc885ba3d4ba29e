import { sleep } from '../../src/base/clock.js'
import { FakeServer } from '../../src/testing/fake-server.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { untilFree } from './rows/until-free.js'
import { DistTables } from './rows/dist-tables.js'
import { ProcedureServer } from './rows/procedure-server.js'
import { RowServer } from './rows/row-server.js'
import { LONGEST_WAY_MS, RowWorld } from './rows/row-world.js'
import { Caller, PERMIT, type Surroundings } from './caller.js'
import type { Fault, Scenario } from './scenario.js'
import { SimProcess } from './sim-process.js'
import { Strikes } from './strikes.js'
import { Witness } from './witness.js'

const SERVERS = { statements: RowServer, procedures: ProcedureServer, distributed: DistTables } as const

const LEASE_MS = 1000

const JANITOR = 'janitor'

/**
 * How long after a grant every process checks its locks. An earlier holder may believe in its lock for only a few more
 * milliseconds.
 */
const SOON_MS = 1

/** How long after the last fault every waiting caller must be served. */
const WINDING_MS = 40_000

/**
 * A wake-up arrives within this time. The answer to the release, the notify statement and the notification are sent one after
 * another.
 */
const WAKE_UP_MS = 30

/** Closing may have to wait for a lost connection and for a lease. */
const CLOSING_MS = 10_000

/**
 * A service of several processes that lock on one server, all in one program. Time stands still until the test moves it, and
 * chance comes from a seed, so a run can be repeated exactly. A witness checks every promise during the run.
 */
export class Town {
  readonly clock: ManualClock = new ManualClock()
  readonly random: SeededRandom
  readonly server: FakeServer
  readonly witness: Witness
  readonly #seed: number
  readonly #scenario: Scenario
  /** The rows, if locks are rows. */
  readonly #rows: RowWorld | null
  readonly #strikes: Strikes
  readonly #around: Surroundings
  readonly #processes: SimProcess[]
  /** Unfinished callers of living processes. */
  readonly #busy = new Map<Caller, SimProcess>()
  readonly #complaints: string[] = []
  #lives = 0
  #isWinding = false
  faults = 0
  grantedByPoll = 0

  constructor(seed: number, scenario: Scenario) {
    this.#seed = seed
    this.#scenario = scenario
    const { clock } = this
    const random = (this.random = new SeededRandom(seed))
    const { latencyMs } = scenario
    const strict = scenario.strict === true || scenario.rows !== undefined
    const server = (this.server = new FakeServer({ clock, random: new SeededRandom(seed + 1), latencyMs }))
    server.notificationLoss = scenario.notificationLoss ?? 0
    const { rows } = scenario
    const makeRows = (): RowServer => (rows === undefined ? new RowServer() : new SERVERS[rows]())
    this.#rows =
      rows === undefined ? null : new RowWorld(server, clock, new SeededRandom(seed + 2), makeRows())
    const excuses = (key: string): boolean =>
      !strict || (scenario.rows === undefined && key.startsWith(PERMIT))
    const complain = (what: string): void => void this.#complaints.push(what)
    const witness = (this.witness = new Witness(clock, LEASE_MS, excuses, complain))
    const travel = (): Promise<void> => sleep(clock, random.below(latencyMs + 1))
    const isWinding = (): boolean => this.#isWinding
    const lookSoon = (): void => void clock.after(SOON_MS, () => this.#look())
    this.#around = { random, scenario, witness, complain, travel, isWinding, lookSoon }
    const processes = (): readonly SimProcess[] => this.#processes
    const replace = (process: SimProcess): void => this.#replace(process)
    const delayNext = (): void => this.#rows?.delayNext()
    const breaksWhenMended = this.#rows !== null
    const ports = { clock, random, server, witness, processes, replace, delayNext, breaksWhenMended }
    this.#strikes = new Strikes(ports)
    if (this.#rows === null) this.#watchPolls()
    this.#processes = Array.from({ length: scenario.processes }, (_, place) => this.#start(place))
  }

  get grants(): number {
    return this.witness.grants
  }

  get overlaps(): number {
    return this.witness.overlaps
  }

  /** The number of timers that have fired and of messages that have arrived. */
  get events(): number {
    return this.clock.fired
  }

  /** Runs all steps, lets every caller finish, and checks that nothing is left. */
  async run(): Promise<void> {
    for (let step = 0; step < this.#scenario.steps; step++) {
      await this.#live(this.random.below(this.#scenario.stepMs ?? 10))
      this.#fault()
    }
    await this.#windDown()
  }

  async #live(ms: number): Promise<void> {
    await this.clock.run(ms)
    this.#look()
    if (this.#complaints.length > 0) throw new Error(this.#complaints.slice(0, 5).join('\n'))
  }

  #look(): void {
    for (const process of this.#processes) process.look()
  }

  #start(place: number): SimProcess {
    const { processes, callers, max, strict = false, drift = 0 } = this.#scenario
    const life = this.#lives++
    const order = {
      name: `p${place + 1}.${life}`,
      seed: this.#seed * 31 + life,
      rate: 1 + drift * (2 * (drift === 0 ? 0 : this.random.next()) - 1),
      options: { max, leaseMs: LEASE_MS, strict },
      rows: this.#rows && { world: this.#rows, isNotified: place % 2 === 0 },
    }
    const process = new SimProcess(this.clock, this.server, this.witness, order)
    for (let i = place; i < callers; i += processes) {
      const caller = new Caller(String(i), process, this.#around)
      this.#busy.set(caller, process)
      void caller.live().then(() => this.#busy.delete(caller))
    }
    return process
  }

  /** Ends the process without a release, and starts another one in its place. */
  #replace(process: SimProcess): void {
    process.die()
    for (const [caller, its] of this.#busy) if (its === process) this.#busy.delete(caller)
    const place = this.#processes.indexOf(process)
    this.#processes[place] = this.#start(place)
  }

  #fault(): void {
    for (const [fault, chance] of Object.entries(this.#scenario.faults) as [Fault, number][]) {
      if (!this.random.chance(chance)) continue
      this.faults++
      this.#strikes.strike(fault)
    }
  }

  /** Ends all faults and new calls. Then every waiting caller must be served, and nothing may be left. */
  async #windDown(): Promise<void> {
    this.#isWinding = true
    this.#strikes.endAll()
    this.#rows?.endAll()
    const end = this.clock.now() + WINDING_MS
    while (this.#busy.size > 0 && this.clock.now() < end) await this.#live(100)
    if (this.#busy.size > 0) {
      const keys = this.#processes.map(({ pool }) => [...pool.snapshot().keys, ...pool.snapshot().semaphores])
      throw new Error(`callers still wait: ${JSON.stringify(keys)} ${this.#rows?.inWords ?? ''}`)
    }
    if (this.#rows !== null) await this.#tidyRows(this.#rows)
    let isClosed = false
    const closed = Promise.all(this.#processes.map(({ pool }) => pool.close({ graceMs: 0 })))
    void closed.then(() => (isClosed = true))
    const closing = this.clock.now() + CLOSING_MS
    while (this.clock.now() < closing && !(isClosed && this.#isEmpty())) await this.#live(100)
    if (!isClosed || !this.#isEmpty())
      throw new Error(`left over: ${JSON.stringify(this.#leftovers())} ${this.#rows?.inWords ?? ''}`)
  }

  /** A killed process is declared dead by a process that has a session. The janitor holds a lock, so it has one. */
  async #tidyRows(world: RowWorld): Promise<void> {
    const order = { name: JANITOR, seed: this.#seed, rate: 1, options: { leaseMs: LEASE_MS } }
    const rows = { world, isNotified: true }
    const janitor = new SimProcess(this.clock, this.server, this.witness, { ...order, rows })
    this.#processes.push(janitor)
    // The run may end before the grant.
    janitor.pool.acquire(JANITOR).catch(() => undefined)
    const serverIds = (): number[] =>
      this.#processes.flatMap(({ pool }) => pool.snapshot().sessions.map(({ serverId }) => serverId))
    const live = (ms: number): Promise<void> => this.#live(ms)
    // Delayed statements must arrive first. One of them may be the join of a process that is dead by now.
    await live(LONGEST_WAY_MS)
    await untilFree(
      { clock: this.clock, rows: world.rows, sessions: () => new Set(serverIds()), live },
      JANITOR,
    )
  }

  #isEmpty(): boolean {
    return Object.values(this.#leftovers()).every((count) => count === 0)
  }

  #leftovers(): Record<string, number> {
    const { connections, table } = this.server
    const held = this.#processes.reduce((sum, { holds }) => sum + holds.size, 0)
    const locks = this.#rows === null ? table.size : this.#rows.rows.named + this.#rows.rows.members.size
    return { connections: connections.size, table: locks, timers: this.clock.armed, held }
  }

  /** Counts the locks that a poll finds free although no wake-up can be on its way any more. Those wake-ups were lost. */
  #watchPolls(): void {
    const { table } = this.server
    const apply = table.apply.bind(table)
    const freedAt = new Map<string, number>()
    table.apply = (owner, operation) => {
      const answer = apply(owner, operation)
      const { id } = operation.key
      if (answer === 'r' || (operation.kind === 'yield' && answer === 'w')) freedAt.set(id, this.clock.now())
      const isLate = this.clock.now() - (freedAt.get(id) ?? -Infinity) > WAKE_UP_MS
      if (operation.kind === 'poll' && answer === 'g' && isLate) this.grantedByPoll++
      return answer
    }
  }
}
