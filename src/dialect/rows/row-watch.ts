import { backoffDelay, type Backoff } from '../../base/backoff.js'
import { systemClock, type Cancel, type Clock } from '../../base/clock.js'
import type { Random } from '../../base/random.js'
import type { ListeningConnection, NotificationHandlers } from '../dialect.js'
import { HeardMembers } from './heard-members.js'
import { nextLookMs, Paces } from './pace.js'
import { isGivenTo, mayBeGiven, placeOf, type PlaceRow } from './place.js'
import { isProof } from './proof.js'
import type { Wait, Waits } from './waits.js'

/** Until the first look at a key, where nothing is known of the place. */
const FIRST_LOOK_MS = 4

/** Where notifications are heard: for what was missed, and for holders that died. */
const LOOK_BESIDE: Backoff = { firstMs: 250, factor: 1.5, capMs: 1000, jitter: 0.25 }

/** Looks are shared by all keys that are due within this time, and spread by this part. */
const TOGETHER_MS = 1
const JITTER = 0.25

/** A lock that is free and that the first waiter does not take for so long may be taken by the next: it may be dead, or paused. */
const PASS_AFTER_MS = 250

/** A key, a token, and a proof of 64 digits. */
const LONGEST_PAYLOAD = 120

/** Notifications for keys of which it is not known yet that they are waited for. */
const MOST_EARLY = 1000

interface Watched {
  /** How many stand before us, at the last look. */
  place: number
  turnMs: number
  token: string
  /** When the key was first seen to be free with this token; null while it is not. */
  freeSince: number | null
  looks: number
  dueAt: number
}

/** The connection on which rows are looked at. */
export interface Looker {
  /** The rows of keys that are waited for. */
  places(keys: readonly string[], dead: readonly string[]): Promise<readonly PlaceRow[]>
  /** Resolves if the connection is there. */
  check(): Promise<void>
  /** Answers how not to be told. */
  onEnd(ended: (cause: Error) => void): () => void
}

/** Where notifications come from, if there are any. Each member has its own. */
export interface NotificationSource {
  /** Begins and ends for some members. What was said before is not heard. */
  hear(begin: readonly string[], end: readonly string[]): Promise<void>
  /** `key`, or `key token proof` where the member has been given it. Answers how not to be told. */
  onNotified(notified: (memberId: string, payload: string) => void): () => void
  check(): Promise<void>
  onEnd(ended: (cause: Error) => void): () => void
  /** It hears no more: of these members it does now. */
  stop(heard: readonly string[]): Promise<void>
  /** Something has ended it, or the connection beside it. */
  destroy(): void
}

export interface WatchPorts {
  readonly looker: Looker
  readonly source: NotificationSource | null
  readonly waits: Waits
  readonly handlers: NotificationHandlers
  readonly random: Random
  /** Default: that of the system. */
  readonly clock?: Clock
}

/**
 * Tells a pool when it is its turn: by looking at the rows of what it waits for, on a connection of the pool, and by
 * notifications where there is a connection to a server session of its own. The first waiter looks often, the others rarely.
 */
export class RowWatch implements ListeningConnection {
  readonly #looker: Looker
  readonly #source: NotificationSource | null
  readonly #ports: WatchPorts
  readonly #clock: Clock
  readonly #watched = new Map<Wait, Watched>()
  readonly #forget: (() => void)[] = []
  readonly #paces = new Paces()
  readonly #heard = new HeardMembers()
  readonly #early = new Map<string, string>()
  #cancel: Cancel | null = null
  #isLooking = false
  #isStopped = false

  constructor(ports: WatchPorts) {
    this.#looker = ports.looker
    this.#source = ports.source
    this.#ports = ports
    this.#clock = ports.clock ?? systemClock
  }

  start(): void {
    const { waits } = this.#ports
    this.#forget.push(this.#looker.onEnd((cause) => this.#ended(cause)))
    if (this.#source !== null) {
      this.#forget.push(
        this.#source.onEnd((cause) => this.#ended(cause)),
        this.#source.onNotified(this.#notified),
      )
    }
    waits.added = (wait) => this.#add(wait)
    waits.isWatched = true
    for (const wait of waits.all) this.#add(wait)
  }

  async check(): Promise<void> {
    await Promise.all([this.#looker.check(), this.#source?.check()])
  }

  receivePublic(): Promise<void> {
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#end()
    await this.#source?.stop(this.#heard.all)
  }

  #ended(cause: Error): void {
    if (this.#isStopped) return
    this.#end()
    this.#source?.destroy()
    this.#ports.handlers.onEnd(cause)
  }

  #end(): void {
    this.#isStopped = true
    this.#cancel?.()
    this.#cancel = null
    this.#ports.waits.added = () => undefined
    this.#ports.waits.isWatched = false
    for (const forget of this.#forget.splice(0)) forget()
  }

  /** Where its place is known, the first look comes when its turn is near. */
  #add(wait: Wait): void {
    const now = this.#clock.now()
    const token = wait.since === null ? '' : String(wait.since)
    const { turnMs } = this.#paces.saw(wait.key.id, token, now)
    const place = wait.before ?? 0
    const watched = { place, turnMs, token, freeSince: null, looks: 0, dueAt: now + FIRST_LOOK_MS }
    this.#watched.set(wait, watched)
    if (wait.before !== null) watched.dueAt = this.#nextLook(wait, watched, now)
    const which = earlyOf(wait.memberId, wait.key.bits)
    const early = this.#early.get(which)
    if (early !== undefined) {
      this.#early.delete(which)
      this.#heardOf(wait, watched, early)
    }
    this.#mindSource(now)
    this.#plan()
  }

  #nextLook(wait: Wait, watched: Watched, now: number): number {
    const { random } = this.#ports
    if (this.#heard.has(wait.memberId)) return now + backoffDelay(LOOK_BESIDE, watched.looks++, random)
    const pace = this.#paces.saw(wait.key.id, watched.token, now)
    return now + nextLookMs(pace, watched.place, now) * (1 + JITTER * random.next())
  }

  /** What was said before is found by a look. */
  #mindSource(now: number): void {
    const source = this.#source
    if (source === null || this.#isStopped) return
    const change = this.#heard.next(this.#watched, now)
    if (change === null) return
    source.hear(change.begin, change.end).then(
      () => {
        this.#heard.changed(change)
        const at = this.#clock.now()
        for (const [wait, watched] of this.#watched) {
          if (change.begin.includes(wait.memberId)) watched.dueAt = at
          else if (change.end.includes(wait.memberId))
            watched.dueAt = Math.min(watched.dueAt, this.#nextLook(wait, watched, at))
        }
        this.#mindSource(at)
        this.#plan()
      },
      (error: unknown) => this.#ended(error as Error),
    )
  }

  #plan(): void {
    if (this.#isLooking || this.#isStopped) return
    this.#cancel?.()
    this.#cancel = null
    let dueAt = Infinity
    for (const [wait, watched] of this.#watched) {
      if (this.#ports.waits.of(wait.key.id) !== wait) this.#watched.delete(wait)
      else dueAt = Math.min(dueAt, watched.dueAt)
    }
    if (dueAt === Infinity) return
    const leftMs = dueAt - this.#clock.now()
    if (leftMs <= 0) void this.#look()
    else this.#cancel = this.#clock.after(leftMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    this.#cancel = null
    this.#isLooking = true
    const due = this.#due()
    try {
      const keys = due.map(([wait]) => wait.key.bits)
      const rows = await this.#looker.places(keys, this.#ports.waits.dead())
      const byKey = new Map(rows.map((row) => [row.key, row]))
      for (const [wait, watched] of due) {
        // A wait for the same key that came meanwhile is another one.
        if (this.#ports.waits.of(wait.key.id) === wait)
          this.#saw(wait, watched, byKey.get(wait.key.bits) ?? null)
      }
      this.#mindSource(this.#clock.now())
    } catch (error) {
      if (!this.#isStopped) this.#ended(error as Error)
    } finally {
      this.#isLooking = false
      this.#plan()
    }
  }

  /** Those that are due, and those that nearly are, so that they share a statement. */
  #due(): [Wait, Watched][] {
    const now = this.#clock.now()
    const due: [Wait, Watched][] = []
    for (const [wait, watched] of this.#watched) {
      if (this.#ports.waits.of(wait.key.id) !== wait) this.#watched.delete(wait)
      else if (watched.dueAt <= now + TOGETHER_MS) {
        // Unless the look says otherwise, or something is said meanwhile.
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
      watched.looks = 0
      watched.freeSince = null
    }
    watched.turnMs = this.#paces.saw(wait.key.id, token, now).turnMs
    watched.freeSince = isFree ? (watched.freeSince ?? now) : null
    // What was said while the look was under way may be newer than it.
    if (!isNewer) watched.dueAt = this.#nextLook(wait, watched, now)
    if (!isFree) return
    if (row !== null && isGivenTo(wait, row)) wait.given = row.token
    const isPassing = place > 0 && now - watched.freeSince! >= PASS_AFTER_MS
    if (place > 0 && !isPassing) {
      watched.dueAt = Math.min(watched.dueAt, now + PASS_AFTER_MS / 2 + 10 * place)
      return
    }
    if (isPassing) wait.passToken = BigInt(token)
    this.#ring(wait)
  }

  readonly #notified = (memberId: string, payload: string): void => {
    if (payload.length > LONGEST_PAYLOAD) return
    this.#ports.handlers.onPublicMessage()
    this.#heard.isOfUse(this.#clock.now())
    const bits = payload.split(' ', 1)[0]!
    const found = [...this.#watched].find(([wait]) => wait.key.bits === bits && wait.memberId === memberId)
    if (found !== undefined) return this.#heardOf(found[0], found[1], payload)
    // The answer that it waits may still be on its way, on another connection.
    if (this.#early.size >= MOST_EARLY) this.#early.clear()
    this.#early.set(earlyOf(memberId, bits), payload)
  }

  /** It is believed with a proof alone. Otherwise the row is looked at, or asked for. */
  #heardOf(wait: Wait, watched: Watched, payload: string): void {
    const [bits, token, proof] = payload.split(' ') as [string, string?, string?]
    if (token === undefined) return this.#ring(wait)
    const secret = this.#ports.waits.secretOf(wait.memberId)
    if (/^\d{1,19}$/.test(token) && isProof(secret, bits, token, proof) && mayBeGiven(wait, token)) {
      wait.given = token
      watched.dueAt = Infinity
      return this.#ring(wait)
    }
    watched.dueAt = this.#clock.now()
    this.#plan()
  }

  #ring(wait: Wait): void {
    wait.isRung = true
    this.#ports.handlers.onWakeUp(wait.key.id, '')
  }
}

function earlyOf(memberId: string, bits: string): string {
  return `${memberId} ${bits}`
}
