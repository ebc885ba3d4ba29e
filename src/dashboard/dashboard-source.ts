import type { Clock } from '../base/clock.js'
import type { ServerSession, SessionEnd } from '../dialect/server-state.js'
import { waitersOf } from '../inspect/server-lock.js'
import type { LockSnapshot } from '../inspect/snapshot.js'
import type { PoolSnapshot } from '../lock/snapshot.js'
import { chainsJson } from './chain-json.js'
import { healthOf } from './health.js'
import { History } from './history.js'
import { mergeLocks, ownPids } from './merge-locks.js'
import { Sightings } from './sightings.js'
import type { ProcessJson, ServerJson, SessionJson, StateJson } from './state-json.js'

/** Whom to end: this process id, if it is still the session that began then. */
export interface Victim {
  readonly pid: number
  /** In the words of the server. */
  readonly startedAt: string
}

/** Where a dashboard gets its picture from. */
export interface DashboardPorts {
  readonly clock: Clock
  readonly title: string
  /** Asks the server; null for a pool whose server can't be asked. */
  readonly look: (() => Promise<LockSnapshot>) | null
  /** What became of it. */
  readonly end: ((victim: Victim) => Promise<SessionEnd>) | null
  /** The pool of this process; null for a dashboard that stands beside the programs that lock. */
  readonly pool: { snapshot(): PoolSnapshot } | null
  /** Is told why a look has failed. */
  readonly report?: (error: unknown) => void
}

/** However many pages are open, the server is asked no more often than this. */
const LOOK_AGAIN_MS = 900

interface Look {
  /** What is in it was so after this. */
  readonly since: number
  readonly at: number
  readonly snapshot: LockSnapshot | null
  readonly blindness: string | null
}

/** What a page shows, put together from what the server says and what this process knows. */
export class DashboardSource {
  readonly history: History
  readonly #ports: DashboardPorts
  readonly #sightings = new Sightings()
  #look: Look | null = null
  #looking: Promise<Look> | null = null

  constructor(ports: DashboardPorts) {
    this.#ports = ports
    this.history = new History(ports.clock)
  }

  async state(): Promise<Omit<StateJson, 'mayEnd' | 'csrf'>> {
    const { clock, title, pool } = this.#ports
    const { since, at: lookedAt, snapshot, blindness } = await this.#freshLook()
    const own = pool === null ? null : pool.snapshot()
    const at = Math.round(clock.instant().wall)
    const merged = mergeLocks(snapshot?.locks ?? [], own)
    // Not seeing a lock, because nobody could look, is not seeing that it has gone.
    const locks = snapshot === null ? merged : this.#sightings.look(merged, since, lookedAt)
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
      blindness,
      process,
      health: healthOf({ snapshot, blindness, pool: own }),
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
   * Only whom the last look has shown: this is for locks, and not for whatever session somebody can name.
   *
   * @throws whatever the server says
   */
  async end(victim: Victim): Promise<SessionEnd> {
    const shown = this.#look?.snapshot?.sessions ?? []
    if (!shown.some(({ pid, startedAt }) => pid === victim.pid && startedAt === victim.startedAt))
      return 'none'
    const ended = (await this.#ports.end?.(victim)) ?? 'none'
    // The next page is to see what has become of it; who was shown until then can still be ended.
    if (this.#look !== null) this.#look = { ...this.#look, at: -Infinity }
    return ended
  }

  get canEnd(): boolean {
    return this.#ports.end !== null
  }

  /** One look for all who ask at the same time, and for a while after. */
  async #freshLook(): Promise<Look> {
    const now = this.#ports.clock.now()
    if (this.#look !== null && now - this.#look.at < LOOK_AGAIN_MS) return this.#look
    this.#looking ??= this.#lookNow().finally(() => {
      this.#looking = null
    })
    return this.#looking
  }

  async #lookNow(): Promise<Look> {
    const { look, clock, report } = this.#ports
    const since = clock.now()
    const done = (snapshot: LockSnapshot | null, blindness: string | null): Look => {
      this.#look = { since, at: clock.now(), snapshot, blindness }
      return this.#look
    }
    if (look === null) return done(null, 'this pool has none that could be asked')
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
  const { version, database, isStandby, lockTable, connections, hasKeyNames } = server
  return {
    ...{ version, database, isStandby, lockTable, connections, hasKeyNames },
    otherInterests: otherInterests.length,
  }
}

function processJson({
  state,
  connections,
  sessions,
  doorbell,
  held,
  waiting,
  counters,
}: PoolSnapshot): ProcessJson {
  const { total, leased, max } = connections
  return {
    state,
    connections: { used: leased, open: total, max, waiting: connections.waiting },
    lockSessions: sessions.length,
    ...{ doorbell, held, waiting },
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
