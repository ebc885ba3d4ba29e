import type { Clock } from '../base/clock.js'
import type { ServerSession, SessionEnd } from '../dialect/server-state.js'
import { waitersOf } from '../inspect/server-lock.js'
import type { LockSnapshot } from '../inspect/snapshot.js'
import type { PoolSnapshot } from '../lock/snapshot.js'
import { chainsJson } from './chain-json.js'
import { healthOf } from './health.js'
import { History } from './history.js'
import { mergeLocks, ownPids } from './merge-locks.js'
import { Observations } from './observations.js'
import type { ProcessJson, ServerJson, SessionJson, StateJson } from './state-json.js'

/** The session to end: the one with this pid, if it is still the session that began at `startedAt`. */
export interface EndTarget {
  readonly pid: number
  /** As the server writes it. */
  readonly startedAt: string
}

/** The sources of a dashboard. */
export interface DashboardHost {
  readonly clock: Clock
  readonly title: string
  /** Inspects the server; null if the pool's server cannot be inspected. */
  readonly look: (() => Promise<LockSnapshot>) | null
  /** Ends a session, and returns the result. */
  readonly end: ((target: EndTarget) => Promise<SessionEnd>) | null
  /** The pool of this process; null for a standalone dashboard. */
  readonly pool: { snapshot(): PoolSnapshot } | null
  /** Called with the reason when the server could not be inspected. */
  readonly report?: (error: unknown) => void
}

/** The server is inspected at most this often, whatever the number of open pages. */
const LOOK_AGAIN_MS = 900

interface Look {
  /** The snapshot was taken after this moment. */
  readonly since: number
  readonly at: number
  readonly snapshot: LockSnapshot | null
  readonly unavailable: string | null
}

/** Combines what the server reports and what this process knows into the state that a page shows. */
export class DashboardSource {
  readonly history: History
  readonly #host: DashboardHost
  readonly #observations = new Observations()
  #look: Look | null = null
  #looking: Promise<Look> | null = null

  constructor(host: DashboardHost) {
    this.#host = host
    this.history = new History(host.clock)
  }

  async state(): Promise<Omit<StateJson, 'mayEnd' | 'csrf'>> {
    const { clock, title, pool } = this.#host
    const { since, at: lookedAt, snapshot, unavailable } = await this.#freshLook()
    const own = pool === null ? null : pool.snapshot()
    const at = Math.round(clock.instant().wall)
    const merged = mergeLocks(snapshot?.locks ?? [], own)
    // A lock that is missing because the inspection failed has not necessarily gone.
    const locks = snapshot === null ? merged : this.#observations.look(merged, since, lookedAt)
    const process = own === null ? null : processJson(own)
    this.history.amounts(
      process === null
        ? amountsOf(snapshot)
        : { held: process.held, waiting: process.waiting, connections: process.connections.open },
    )
    const pids = ownPids(own)
    const max = process === null ? (snapshot?.server.connections.max ?? null) : process.connections.max
    return {
      version: 1,
      at,
      title: title === '' ? (snapshot?.server.database ?? 'lockpool') : title,
      server: snapshot === null ? null : serverJson(snapshot),
      unavailable,
      process,
      health: healthOf({ snapshot, unavailable, pool: own }),
      locks,
      sessions: Object.fromEntries(
        (snapshot?.sessions ?? []).map((session) => [
          session.pid,
          sessionJson(session, pids.has(session.pid)),
        ]),
      ),
      chains: chainsJson(snapshot?.chains ?? []),
      history: this.history.json(process === null ? 'server' : 'process', max),
    }
  }

  /**
   * Ends only a session that the last state has shown: the page is about locks, not about any session that a caller can name.
   *
   * @throws the error of the server
   */
  async end(target: EndTarget): Promise<SessionEnd> {
    const shown = this.#look?.snapshot?.sessions ?? []
    if (!shown.some(({ pid, startedAt }) => pid === target.pid && startedAt === target.startedAt))
      return 'none'
    const ended = (await this.#host.end?.(target)) ?? 'none'
    // The next state must show the result. Sessions of the previous state can still be ended until then.
    if (this.#look !== null) this.#look = { ...this.#look, at: -Infinity }
    return ended
  }

  get canEnd(): boolean {
    return this.#host.end !== null
  }

  /** One inspection for all requests at the same time, and for a while after. */
  async #freshLook(): Promise<Look> {
    const now = this.#host.clock.now()
    if (this.#look !== null && now - this.#look.at < LOOK_AGAIN_MS) return this.#look
    this.#looking ??= this.#lookNow().finally(() => {
      this.#looking = null
    })
    return this.#looking
  }

  async #lookNow(): Promise<Look> {
    const { look, clock, report } = this.#host
    const since = clock.now()
    const done = (snapshot: LockSnapshot | null, unavailable: string | null): Look => {
      this.#look = { since, at: clock.now(), snapshot, unavailable }
      return this.#look
    }
    if (look === null) return done(null, 'this pool has no server that can be inspected')
    try {
      return done(await look(), null)
    } catch (error) {
      report?.(error)
      return done(null, (error as Error).message)
    }
  }
}

function amountsOf(snapshot: LockSnapshot | null): Parameters<History['amounts']>[0] | null {
  if (snapshot === null) return null
  return {
    held: snapshot.locks.reduce((sum, { holders }) => sum + holders.length, 0),
    waiting: waitersOf(snapshot.locks),
    connections: snapshot.server.connections.used,
  }
}

function serverJson({ server, otherInterests }: LockSnapshot): ServerJson {
  const { product, version, database, isStandby, lockTable, connections, hasKeyNames } = server
  const capacity = Number.isFinite(lockTable.capacity) ? lockTable.capacity : null
  return {
    ...{ product, version, database, isStandby, connections, hasKeyNames },
    lockTable: { used: lockTable.used, capacity },
    otherInterests: otherInterests.length,
  }
}

function processJson({
  state,
  connections,
  sessions,
  listener,
  held,
  waiting,
  counters,
}: PoolSnapshot): ProcessJson {
  const { total, leased, max } = connections
  return {
    state,
    connections: { used: leased, open: total, max, waiting: connections.waiting },
    lockSessions: sessions.length,
    ...{ listener, held, waiting },
    counters: { ...counters },
  }
}

function sessionJson(session: ServerSession, isHere: boolean): SessionJson {
  const { pid, application, host, user, state, stateMs, transactionMs, startedAt } = session
  const { waitsFor, query, isLockSession, process = null } = session
  return {
    ...{ pid, application, host, user, state, stateMs, transactionMs, startedAt },
    ...{ waitsFor, query, isLockSession, process, isHere },
  }
}
