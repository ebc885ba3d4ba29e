import { SeededRandom } from '../../src/testing/seeded-random.js'

/** How rows are written. */
export type RowsBy = 'statements' | 'procedures' | 'distributed'

/** The parameters of a run. Everything else follows from the seed. */
export interface Scenario {
  readonly processes: number
  readonly callers: number
  readonly keys: number
  /** The share of calls that request shared mode. */
  readonly readers: number
  /** The longest delay of a message, and the longest hold. Milliseconds. */
  readonly latencyMs: number
  readonly holdMs: number
  readonly max: number
  readonly steps: number
  /** Longest time between two steps. Default 10. */
  readonly stepMs?: number
  readonly strict?: boolean
  /**
   * How much the rate of the processes' clocks differs from the server's clock. 0.08 means 8 % slower to 8 % faster. Default 0.
   */
  readonly drift?: number
  /** The chance that a notification gets lost. Default 0. */
  readonly notificationLoss?: number
  /** The number of permits of the semaphore that some calls use. Default 0: there is no semaphore. */
  readonly permits?: number
  /**
   * If locks are rows with leases that heartbeats renew: by statements, as in PostgreSQL, where every second process polls
   * without notifications; by procedures, as in MariaDB and MySQL, where all of them do; or as in distributed SQL.
   */
  readonly rows?: RowsBy
  /** Chance of each fault, per step. */
  readonly faults: Partial<Record<Fault, number>>
}

/**
 * - `kill`       the server ends a session
 * - `cut`        a connection loses everything, both ways, until it is mended
 * - `mute`       a connection loses the answers of the server, until it breaks
 * - `failBatch`  a statement fails half-way
 * - `restart`    the server ends all sessions, and is away for a while
 * - `ghost`      the server ends a session that is cut off, and its client goes on believing in its locks
 * - `silent`     for a while no new connection gets an answer
 * - `stop`       a process is stopped, with both its clocks running
 * - `sleep`      a machine sleeps: its monotonic clock stands still
 * - `forward`    the wall clock of a process is set forward
 * - `back`       the wall clock of a process is set back
 * - `crash`      a process ends without a release, and another one takes its place
 * - `late`       a statement about rows is delayed
 */
export type Fault =
  | 'kill'
  | 'cut'
  | 'mute'
  | 'failBatch'
  | 'restart'
  | 'ghost'
  | 'silent'
  | 'stop'
  | 'sleep'
  | 'forward'
  | 'back'
  | 'crash'
  | 'late'

const CHANCES: Readonly<Record<Exclude<Fault, 'late'>, number>> = {
  kill: 0.03,
  cut: 0.04,
  mute: 0.03,
  failBatch: 0.04,
  restart: 0.005,
  ghost: 0.03,
  silent: 0.005,
  stop: 0.03,
  sleep: 0.02,
  forward: 0.01,
  back: 0.01,
  crash: 0.02,
}

/**
 * Returns the scenario of a seed. Each scenario leaves out some faults, because some bugs show only while other faults are
 * absent. `sleep` and `back` never come together: if a machine sleeps while its wall clock is set back, no clock shows how long
 * it slept.
 */
export function scenarioOf(seed: number, steps: number): Scenario {
  const random = new SeededRandom(seed ^ 0x5eed)
  const strict = random.chance(0.4)
  const without: Fault = random.chance(0.5) ? 'sleep' : 'back'
  const faults: Partial<Record<Fault, number>> = {}
  for (const [fault, chance] of Object.entries(CHANCES) as [Fault, number][]) {
    if (random.chance(0.5) && fault !== without) faults[fault] = chance * (1 + 2 * random.next())
  }
  return {
    processes: 2 + random.below(3),
    callers: 4 + random.below(9),
    keys: 1 + random.below(4),
    readers: random.pick([0, 0.2, 0.5]),
    latencyMs: random.pick([2, 10, 30]),
    holdMs: random.pick([10, 100, 800]),
    max: 1 + random.below(4),
    steps,
    stepMs: random.pick([100, 300, 500]),
    strict,
    drift: random.pick([0, 0.08]),
    notificationLoss: random.pick([0, 0, 0.3]),
    permits: random.pick([0, 0, 1, 3]),
    faults,
  }
}

/** Does the same with locks as rows. The server never releases such a lock early, so `strict` has no meaning. */
export function rowsScenarioOf(seed: number, steps: number, rows: RowsBy = 'statements'): Scenario {
  const scenario = scenarioOf(seed, steps)
  const late = new SeededRandom(seed ^ 0x1a7e).pick([0, 0.03, 0.1])
  return { ...scenario, rows, strict: false, faults: { ...scenario.faults, late } }
}
