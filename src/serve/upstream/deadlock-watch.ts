import type { Cancel, Clock } from '../../base/clock.js'
import { SqlError } from '../messages/sql-error.js'
import type { ServerWaits } from './server-waits.js'
import { cycleThrough, stuckAmong, type Party } from './stuck-parties.js'

/** The part of a session that the search for deadlocks sees. */
export interface HasParty {
  /** `waits` is the number of its waits so far. */
  readonly locks: { readonly awaited: string | null; readonly waits: number; holds(id: string): boolean }
  readonly passing: {
    readonly isAwaited: boolean
    readonly hasConnection: boolean
    readonly isInUse: boolean
    readonly backend: number | null
    /** The number of the statement that runs at the upstream; null if none does. */
    readonly running: number | null
  } | null
}

export interface DeadlockHost {
  readonly clock: Clock
  readonly sessions: () => Iterable<HasParty>
  /** Asks the upstream. */
  readonly ask: (backends: readonly number[]) => Promise<ServerWaits>
}

/** A wait looks for a deadlock after this time, repeatedly. It is PostgreSQL's default for `deadlock_timeout`. */
const LOOK_AFTER_MS = 1000

/** One wait that may be part of a deadlock. */
interface Watched {
  readonly client: HasParty
  readonly refuse: (error: SqlError) => void
  cancel: Cancel
}

interface SessionParty extends Party {
  readonly session: HasParty
  /** Identifies its wait: the same text later is the same wait. */
  readonly wait: string
  readonly backend: number | null
  blockers: readonly SessionParty[] | null
}

/**
 * Finds deadlocks that neither the pool nor the server sees, because some clients of the cycle wait in the front, for a lock or
 * for a connection, and others in the server, for a row or a table. Only waits that have lasted a second are looked at: those
 * for a connection, and those for a lock by a client with an open transaction at the upstream. Each cycle has one of them.
 */
export class DeadlockWatch {
  readonly #host: DeadlockHost
  readonly #due = new Set<Watched>()
  #isLooking = false

  constructor(host: DeadlockHost) {
    this.#host = host
  }

  /** Watches a wait until the returned function is called. */
  watch(client: HasParty, refuse: (error: SqlError) => void): Cancel {
    const watched: Watched = { client, refuse, cancel: () => undefined }
    this.#lookLater(watched)
    return () => {
      watched.cancel()
      this.#due.delete(watched)
    }
  }

  #lookLater(watched: Watched): void {
    const look = (): void => {
      this.#lookLater(watched)
      this.#due.add(watched)
      void this.#look()
    }
    watched.cancel = this.#host.clock.after(LOOK_AFTER_MS, look, false)
  }

  /** One look at a time, for all waits that are due. Waits that become due meanwhile get the next one. */
  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      const isOneRefused = this.#refuseIn(this.#cycles(null))
      if (!isOneRefused && this.#mayBeStuck()) {
        // A cycle that two answers show has existed in between, because no wait in it has ended.
        const first = this.#cycles(await this.#askServer())
        if (first.size > 0) this.#refuseIn(this.#cycles(await this.#askServer()), first)
      }
    } finally {
      this.#isLooking = false
      this.#due.clear()
    }
  }

  /** Whether a wait is stuck if all statements that run at the upstream wait there for the worst. */
  #mayBeStuck(): boolean {
    if (this.#due.size === 0) return false
    const parties = this.#parties('worst')
    const stuck = stuckAmong(parties)
    return parties.some((each) => stuck.has(each) && this.#watchedOf(each) !== null)
  }

  /** Null if the server does not say. A failure is no problem: the next look is a second away. */
  async #askServer(): Promise<Answer | null> {
    const running = new Map<HasParty, number>()
    const backends: number[] = []
    for (const session of this.#host.sessions()) {
      const { passing } = session
      if (passing === null || passing.backend === null || !passing.isInUse) continue
      backends.push(passing.backend)
      if (passing.running !== null) running.set(session, passing.running)
    }
    if (backends.length === 0) return null
    const waits = await this.#host.ask(backends).catch(() => null)
    return waits === null ? null : { running, waits }
  }

  #cycles(answer: Answer | null): Cycles {
    const parties = this.#parties(answer)
    const cycles = new Map<Watched, readonly SessionParty[]>()
    for (const party of parties) {
      const watched = this.#watchedOf(party)
      const cycle = watched === null ? null : cycleThrough(party, parties)
      if (watched !== null && cycle !== null) cycles.set(watched, cycle)
    }
    return cycles
  }

  /** Refuses one wait of each cycle. `before` are the cycles of the first answer: only those that are there again count. */
  #refuseIn(cycles: Cycles, before: Cycles = cycles): boolean {
    const broken = new Set<HasParty>()
    for (const [watched, cycle] of cycles) {
      // A client that waits for a connection has nothing open that it could lose.
      const isOthersTurn = !cycle[0]!.awaitsUpstream && cycle.some(({ awaitsUpstream }) => awaitsUpstream)
      if (
        isOthersTurn ||
        !isSame(cycle, before.get(watched)) ||
        cycle.some(({ session }) => broken.has(session))
      )
        continue
      broken.add(watched.client)
      this.#due.delete(watched)
      watched.refuse(deadlock(cycle))
    }
    return broken.size > 0
  }

  #watchedOf({ session }: SessionParty): Watched | null {
    for (const watched of this.#due) if (watched.client === session) return watched
    return null
  }

  /** Without an answer, running statements are assumed to end; with `worst`, to wait forever. */
  #parties(answer: Answer | 'worst' | null): readonly SessionParty[] {
    const parties = [...this.#host.sessions()].map((session) => partyOf(session, answer))
    if (answer === null || answer === 'worst') return parties
    const byBackend = new Map(parties.map((each) => [each.backend, each]))
    for (const party of parties) {
      const wait = waitOf(party.session, answer)
      party.blockers = (wait?.blockers ?? [])
        .map((pid) => byBackend.get(pid))
        .filter((each) => each !== undefined)
    }
    return parties
  }
}

/** An answer of the server, and the statements that ran when it was asked. */
interface Answer {
  readonly running: ReadonlyMap<HasParty, number>
  readonly waits: NonNullable<ServerWaits>
}

type Cycles = ReadonlyMap<Watched, readonly SessionParty[]>

function partyOf(session: HasParty, answer: Answer | 'worst' | null): SessionParty {
  const { locks, passing } = session
  const isAtWorst = answer === 'worst'
  const mayBlock = passing?.isInUse ?? false
  const backend = mayBlock ? (passing?.backend ?? null) : null
  const inServer = isAtWorst || answer === null ? null : (answer.waits.get(backend ?? -1) ?? null)
  const running = passing?.running ?? null
  return {
    session,
    backend,
    wait: `${locks.waits} ${running}`,
    awaitedLock: locks.awaited ?? waitOf(session, answer)?.awaitedLock ?? null,
    awaitsUpstream: passing?.isAwaited ?? false,
    hasUpstream: passing?.hasConnection ?? false,
    blockers: isAtWorst && running !== null ? null : [],
    // A function, or a statement of a client with a pinned connection, may have taken locks there.
    holdsLock: (id) => locks.holds(id) || (isAtWorst && mayBlock) || inServer?.heldLocks.has(id) === true,
  }
}

/** How the statement of a client waits in the server; null if it does not, or if another statement runs by now. */
function waitOf(session: HasParty, answer: Answer | 'worst' | null) {
  const { passing } = session
  if (answer === null || answer === 'worst' || passing === null || passing.running === null) return null
  if (answer.running.get(session) !== passing.running) return null
  return answer.waits.get(passing.backend ?? -1) ?? null
}

function isSame(cycle: readonly SessionParty[], before: readonly SessionParty[] | undefined): boolean {
  if (cycle.length !== before?.length) return false
  return cycle.every(({ session, wait }, at) => before[at]!.session === session && before[at]!.wait === wait)
}

function deadlock(cycle: readonly SessionParty[]): SqlError {
  const isForConnection = cycle[0]!.awaitsUpstream
  return new SqlError('40P01', 'deadlock detected', {
    detail: isForConnection
      ? 'All connections to the upstream are held by clients that wait for locks of clients that wait for a connection.'
      : `This client and ${cycle.length - 1} others wait for each other, for locks and in the database.`,
    hint: 'The other sessions continue when this one ends its transaction.',
  })
}
