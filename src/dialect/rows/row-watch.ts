import { backoffDelay, type Backoff } from '../../base/backoff.js'
import { systemClock, type Cancel, type Clock } from '../../base/clock.js'
import type { Random } from '../../base/random.js'
import type { ListeningConnection, NotificationHandlers } from '../dialect.js'
import { ListenedMembers } from './listened-members.js'
import { nextPollMs, Paces } from './pace.js'
import { isGivenTo, mayBeGiven, placeOf, type PlaceRow } from './place.js'
import { isProof } from './proof.js'
import type { Wait, Waits } from './waits.js'

/** The delay before the first poll of a key, if its place in the queue is unknown. */
const FIRST_POLL_MS = 4

/** Polling while notifications arrive. It finds missed notifications and dead holders. */
const POLL_WHILE_LISTENING: Backoff = { firstMs: 250, factor: 1.5, capMs: 1000, jitter: 0.25 }

/** One poll covers all keys that are due within this time, and delays vary by this part. */
const TOGETHER_MS = 1
const JITTER = 0.25

/** If the first waiter does not take a free lock for this long, the next one may: the first may be dead or paused. */
const PASS_AFTER_MS = 250

/** A key, a token, and a proof of 64 digits. */
const LONGEST_PAYLOAD = 120

/** The maximum number of notifications to keep for keys that no caller here is known to wait for yet. */
const MOST_EARLY = 1000

interface Watched {
  /** The number of waiters before this one, at the last poll. */
  place: number
  turnMs: number
  token: string
  /** When the key was first seen free with this token. Null while it is not free. */
  freeSince: number | null
  polls: number
  dueAt: number
}

/** The connection that polls rows. */
export interface RowPoller {
  /** The rows of the given keys. */
  places(keys: readonly string[], dead: readonly string[]): Promise<readonly PlaceRow[]>
  /** Resolves if the connection works. */
  check(): Promise<void>
  /** Calls `ended` when the connection ends. Returns a function that unsubscribes. */
  onEnd(ended: (cause: Error) => void): () => void
}

/** The source of notifications, if there is one. Each member has its own channel. */
export interface NotificationSource {
  /** Starts and stops listening for some members. Earlier notifications do not arrive. */
  changeMembers(begin: readonly string[], end: readonly string[]): Promise<void>
  /**
   * Calls `notified` with `key`, or with `key token proof` if the member was given the lock. Returns a function that
   * unsubscribes.
   */
  onNotified(notified: (memberId: string, payload: string) => void): () => void
  check(): Promise<void>
  onEnd(ended: (cause: Error) => void): () => void
  /** Stops listening. `listened` are the members that it listens for. */
  stop(listened: readonly string[]): Promise<void>
  /** Called after the end of this connection, or of the one that polls. */
  destroy(): void
}

export interface RowWatchHost {
  readonly poller: RowPoller
  readonly source: NotificationSource | null
  readonly waits: Waits
  readonly handlers: NotificationHandlers
  readonly random: Random
  /** Default: the clock of the system. */
  readonly clock?: Clock
}

/**
 * Notices when a waiter's turn has come, by polling the rows of its keys on a connection of the pool, and by
 * notifications if a connection keeps its server session. The first waiter polls often, the others rarely.
 */
export class RowWatch implements ListeningConnection {
  readonly #poller: RowPoller
  readonly #source: NotificationSource | null
  readonly #host: RowWatchHost
  readonly #clock: Clock
  readonly #watched = new Map<Wait, Watched>()
  readonly #unsubscribe: (() => void)[] = []
  readonly #paces = new Paces()
  readonly #listened = new ListenedMembers()
  readonly #early = new Map<string, string>()
  #cancel: Cancel | null = null
  #isPolling = false
  #isStopped = false

  constructor(host: RowWatchHost) {
    this.#poller = host.poller
    this.#source = host.source
    this.#host = host
    this.#clock = host.clock ?? systemClock
  }

  start(): void {
    const { waits } = this.#host
    this.#unsubscribe.push(this.#poller.onEnd((cause) => this.#ended(cause)))
    if (this.#source !== null) {
      this.#unsubscribe.push(
        this.#source.onEnd((cause) => this.#ended(cause)),
        this.#source.onNotified(this.#notified),
      )
    }
    waits.added = (wait) => this.#add(wait)
    waits.isWatched = true
    for (const wait of waits.all) this.#add(wait)
  }

  async check(): Promise<void> {
    await Promise.all([this.#poller.check(), this.#source?.check()])
  }

  receivePublic(): Promise<void> {
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#end()
    await this.#source?.stop(this.#listened.all)
  }

  #ended(cause: Error): void {
    if (this.#isStopped) return
    this.#end()
    this.#source?.destroy()
    this.#host.handlers.onEnd(cause)
  }

  #end(): void {
    this.#isStopped = true
    this.#cancel?.()
    this.#cancel = null
    this.#host.waits.added = () => undefined
    this.#host.waits.isWatched = false
    for (const removeMember of this.#unsubscribe.splice(0)) removeMember()
  }

  /** If the place in the queue is known, the first poll comes when the turn is near. */
  #add(wait: Wait): void {
    const now = this.#clock.now()
    const token = wait.since === null ? '' : String(wait.since)
    const { turnMs } = this.#paces.saw(wait.key.id, token, now)
    const place = wait.before ?? 0
    const watched = { place, turnMs, token, freeSince: null, polls: 0, dueAt: now + FIRST_POLL_MS }
    this.#watched.set(wait, watched)
    if (wait.before !== null) watched.dueAt = this.#nextPoll(wait, watched, now)
    const which = earlyOf(wait.memberId, wait.key.bits)
    const early = this.#early.get(which)
    if (early !== undefined) {
      this.#early.delete(which)
      this.#receive(wait, watched, early)
    }
    this.#updateListening(now)
    this.#plan()
  }

  #nextPoll(wait: Wait, watched: Watched, now: number): number {
    const { random } = this.#host
    if (this.#listened.has(wait.memberId))
      return now + backoffDelay(POLL_WHILE_LISTENING, watched.polls++, random)
    const pace = this.#paces.saw(wait.key.id, watched.token, now)
    return now + nextPollMs(pace, watched.place, now) * (1 + JITTER * random.next())
  }

  /** Starts or stops listening if necessary. A poll finds what was sent before. */
  #updateListening(now: number): void {
    const source = this.#source
    if (source === null || this.#isStopped) return
    const change = this.#listened.next(this.#watched, now)
    if (change === null) return
    source.changeMembers(change.begin, change.end).then(
      () => {
        this.#listened.changed(change)
        const at = this.#clock.now()
        for (const [wait, watched] of this.#watched) {
          if (change.begin.includes(wait.memberId)) watched.dueAt = at
          else if (change.end.includes(wait.memberId))
            watched.dueAt = Math.min(watched.dueAt, this.#nextPoll(wait, watched, at))
        }
        this.#updateListening(at)
        this.#plan()
      },
      (error: unknown) => this.#ended(error as Error),
    )
  }

  #plan(): void {
    if (this.#isPolling || this.#isStopped) return
    this.#cancel?.()
    this.#cancel = null
    let dueAt = Infinity
    for (const [wait, watched] of this.#watched) {
      if (this.#host.waits.of(wait.key.id) !== wait) this.#watched.delete(wait)
      else dueAt = Math.min(dueAt, watched.dueAt)
    }
    if (dueAt === Infinity) return
    const remainingMs = dueAt - this.#clock.now()
    if (remainingMs <= 0) void this.#poll()
    else this.#cancel = this.#clock.after(remainingMs, () => void this.#poll())
  }

  async #poll(): Promise<void> {
    this.#cancel = null
    this.#isPolling = true
    const due = this.#due()
    try {
      const keys = due.map(([wait]) => wait.key.bits)
      const rows = await this.#poller.places(keys, this.#host.waits.dead())
      const byKey = new Map(rows.map((row) => [row.key, row]))
      for (const [wait, watched] of due) {
        // A newer wait for the same key is another one.
        if (this.#host.waits.of(wait.key.id) === wait)
          this.#saw(wait, watched, byKey.get(wait.key.bits) ?? null)
      }
      this.#updateListening(this.#clock.now())
    } catch (error) {
      if (!this.#isStopped) this.#ended(error as Error)
    } finally {
      this.#isPolling = false
      this.#plan()
    }
  }

  /** The waits that are due, and those that nearly are, so that they share one statement. */
  #due(): [Wait, Watched][] {
    const now = this.#clock.now()
    const due: [Wait, Watched][] = []
    for (const [wait, watched] of this.#watched) {
      if (this.#host.waits.of(wait.key.id) !== wait) this.#watched.delete(wait)
      else if (watched.dueAt <= now + TOGETHER_MS) {
        // Until the poll sets another time, or a notification arrives.
        watched.dueAt = Infinity
        due.push([wait, watched])
      }
    }
    return due
  }

  #saw(wait: Wait, watched: Watched, row: PlaceRow | null): void {
    const now = this.#clock.now()
    const isNewer = watched.dueAt <= now
    const { place, isFree } = placeOf(wait, row)
    watched.place = place
    const token = row?.token ?? ''
    if (token !== watched.token) {
      watched.token = token
      watched.polls = 0
      watched.freeSince = null
    }
    watched.turnMs = this.#paces.saw(wait.key.id, token, now).turnMs
    watched.freeSince = isFree ? (watched.freeSince ?? now) : null
    // A notification that arrived during the poll may be newer than its result.
    if (!isNewer) watched.dueAt = this.#nextPoll(wait, watched, now)
    if (!isFree) return
    if (row !== null && isGivenTo(wait, row)) wait.given = row.token
    const isPassing = place > 0 && now - watched.freeSince! >= PASS_AFTER_MS
    if (place > 0 && !isPassing) {
      watched.dueAt = Math.min(watched.dueAt, now + PASS_AFTER_MS / 2 + 10 * place)
      return
    }
    if (isPassing) wait.passToken = BigInt(token)
    this.#wakeUp(wait)
  }

  readonly #notified = (memberId: string, payload: string): void => {
    if (payload.length > LONGEST_PAYLOAD) return
    this.#host.handlers.onPublicMessage()
    this.#listened.notified(this.#clock.now())
    const bits = payload.split(' ', 1)[0]!
    const found = [...this.#watched].find(([wait]) => wait.key.bits === bits && wait.memberId === memberId)
    if (found !== undefined) return this.#receive(found[0], found[1], payload)
    // On another connection, the answer that the caller must wait may still be on its way.
    if (this.#early.size >= MOST_EARLY) this.#early.clear()
    this.#early.set(earlyOf(memberId, bits), payload)
  }

  /** A notification is trusted only with a proof. Otherwise the row is polled. */
  #receive(wait: Wait, watched: Watched, payload: string): void {
    const [bits, token, proof] = payload.split(' ') as [string, string?, string?]
    if (token === undefined) return this.#wakeUp(wait)
    const secret = this.#host.waits.secretOf(wait.memberId)
    if (/^\d{1,19}$/.test(token) && isProof(secret, bits, token, proof) && mayBeGiven(wait, token)) {
      wait.given = token
      watched.dueAt = Infinity
      return this.#wakeUp(wait)
    }
    watched.dueAt = this.#clock.now()
    this.#plan()
  }

  #wakeUp(wait: Wait): void {
    wait.isWoken = true
    this.#host.handlers.onWakeUp(wait.key.id, '')
  }
}

function earlyOf(memberId: string, bits: string): string {
  return `${memberId} ${bits}`
}
