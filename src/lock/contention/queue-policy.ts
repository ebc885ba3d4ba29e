import type { OperationKind } from '../../dialect/lock-operation.js'

/**
 * How a wait in the queue ended: the key was free at once, the server granted it, the time ran out, or there was no room for
 * another reader, which the queue cannot wait for.
 */
export type QueueWaitEnd = 'free' | 'come' | 'late' | 'noRoom'

/**
 * After this long without a grant the entry listens instead, for this long: another process keeps the key, or is in the
 * way. With very many processes in the queue it takes long as well, and places get lost; but so would every other way of
 * waiting.
 */
const HOPELESS_MS = 4000
const REST_MS = 5000

/** An entry that had to wait in the queue uses it again at once for this long: other processes are known to want the key. */
const BUSY_MS = 2000

/**
 * An entry that got the key this soon after a wait for another process is likely to wait for it again, and not for long:
 * then the queue is worth it. For a key that is held for long, listening is better.
 */
const QUICK_MS = 2000

/** A caller with less time than this does not use the queue, which reports the end of its time less promptly. */
const LEAST_MS = 5

/**
 * The server grants a key to its own queue first, so a process that only listens would never get it. While processes listen,
 * all leave the queue at the start of each cycle, so that they have the same chance. Cycles are those of the wall clock: a
 * break helps only if all processes take it at the same time. If clocks differ by more than a break, a process that listens
 * waits until the queue is empty.
 */
const CYCLE_MS = 2500
const BREAK_MS = 250

/** For this long after a break, processes that left the queue for it may still listen. */
const ECHO_MS = 1500

/**
 * After signs in this many cycles in a row, processes count as listening. One cycle shows nothing: processes that begin at
 * the same moment all listen at first (32 of them needed 10 transactions per grant instead of 4, with a break after the first
 * sign; measured).
 */
const SIGNED_CYCLES = 2

/** After a sign of listening processes, this many cycles begin with a break: not every process gets the key in each cycle. */
const REMEMBERED_CYCLES = 2

/** Whether a wait that ended with this attempt was short enough for the queue. */
export function wasShortEnough(kind: OperationKind, waitedMs: number): boolean {
  return (kind === 'retry' || kind === 'poll') && waitedMs < QUICK_MS
}

function cycleAt(wall: number): { cycle: number; since: number } {
  const cycle = Math.floor(wall / CYCLE_MS)
  return { cycle, since: wall - cycle * CYCLE_MS }
}

/** Whether a caller has enough time left for the queue. */
export function hasTimeForQueue(remainingMs: number): boolean {
  return remainingMs >= LEAST_MS
}

/**
 * Whether to wait for a key in the server's own queue. The server grants the key to one waiter after the other, in the
 * order in which they came, and wakes no other.
 */
export class QueuePolicy {
  readonly #aloneAfter: number
  /** The first of several waits in a row without a grant; null if there was a grant since. */
  #lateSince: number | null = null
  /** The number of waits in a row that found the key free. */
  #free = 0
  #restsUntil = 0
  #busyUntil = 0
  #queuedAt = -Infinity
  /** The session was lost while the queue was in use. */
  #wasInterrupted = false
  /** The last cycle with a sign of listening processes. */
  #listenedIn = -Infinity
  /** The number of such cycles in a row. */
  #signed = 0

  /** After this many waits in a row that found the key free, no other process wants it any more. */
  constructor(aloneAfter: number) {
    this.#aloneAfter = aloneAfter
  }

  /** Whether other processes wanted the key a moment ago, and waiting in the queue has worked. */
  isBusy(now: number): boolean {
    return now < this.#busyUntil && now >= this.#restsUntil
  }

  /**
   * This process waited in the queue a moment ago, and left it for a break. It goes back after the break. If it waited for
   * another lost race first, processes would still listen when the next cycle begins, and ask for the next break.
   */
  queuedLately(now: number): boolean {
    return now - this.#queuedAt < BUSY_MS
  }

  /**
   * The entry has lost its session, which last answered at `answeredAt`. Waits in the queue that the outage made late say
   * nothing about the key.
   */
  interrupted(answeredAt: number): void {
    if (answeredAt < this.#busyUntil) this.#wasInterrupted = true
    this.#lateSince = null
  }

  /**
   * The entry has a session again. If it used the queue before, it does so at once: the other processes do, and one that
   * only listened would wait until their next break (up to 5 s after a failover; measured).
   */
  resumed(now: number): void {
    if (!this.#wasInterrupted) return
    this.#wasInterrupted = false
    this.seen(now)
  }

  /** Other processes want the key now. */
  seen(now: number): void {
    this.#busyUntil = now + BUSY_MS
  }

  /** At the release, other processes were listening for it. `wall` is the time of day. */
  othersListen(wall: number): void {
    const { cycle, since } = cycleAt(wall)
    if (since < BREAK_MS + ECHO_MS || cycle === this.#listenedIn) return
    this.#signed = cycle - this.#listenedIn <= REMEMBERED_CYCLES ? this.#signed + 1 : 1
    this.#listenedIn = cycle
  }

  /** Milliseconds until all processes leave the queue; 0 during a break. */
  msUntilBreak(wall: number): number {
    const { cycle, since } = cycleAt(wall)
    if (since < BREAK_MS && this.#hasBreak(cycle)) return 0
    return this.#hasBreak(cycle + 1) ? CYCLE_MS - since : Infinity
  }

  #hasBreak(cycle: number): boolean {
    const isSigned = this.#listenedIn < cycle && this.#listenedIn >= cycle - REMEMBERED_CYCLES
    return isSigned && this.#signed >= SIGNED_CYCLES
  }

  ended(turn: QueueWaitEnd, now: number): void {
    this.#queuedAt = now
    if (turn === 'late') return this.#lost(now)
    if (turn === 'noRoom') {
      this.#restsUntil = now + BUSY_MS
      return
    }
    this.#lateSince = null
    this.#free = turn === 'free' ? this.#free + 1 : 0
    if (this.#free === 0) this.seen(now)
    else if (this.#free >= this.#aloneAfter) this.#busyUntil = 0
  }

  #lost(now: number): void {
    this.#lateSince ??= now
    if (now - this.#lateSince < HOPELESS_MS) return
    this.#lateSince = null
    this.#restsUntil = now + REST_MS
  }
}
