import { backoffDelay, type Backoff } from '../../base/backoff.js'
import { systemClock, type Cancel } from '../../base/clock.js'
import type { Random } from '../../base/random.js'
import type { ListeningConnection, NotificationHandlers } from '../dialect.js'
import { TOKEN_STEP } from '../lock-operation.js'
import { isAmongFirst, placeOf, type PlaceRow } from './place.js'
import type { Wait, Waits } from './waits.js'

/** Between two looks at a key: per place before ours, and more the longer nothing happens there. */
const LOOK: Backoff = { firstMs: 4, factor: 1.4, capMs: 1000, jitter: 0.25 }

/** The same where notifications are heard, for what was missed, and for holders that died. */
const LOOK_BESIDE: Backoff = { firstMs: 250, factor: 1.5, capMs: 1000, jitter: 0.25 }

/** A lock that is free and that the first waiter does not take for so long may be taken by the next: it may be dead, or paused. */
const PASS_AFTER_MS = 250

/** Whose place is that, or before, listens. */
const NEAR = 1
const LINGER_MS = 300

const MOST_PACES = 1000

/** Who stands further back looks again when that part of the time should have passed that those before it need. */
const SOON = 0.7

/** How quickly a key goes from one to the next. */
interface Pace {
  token: string
  /** When it was first seen with this token. */
  tokenAt: number
  /** How long a turn has taken of late, as far as that can be seen. */
  turnMs: number
}

interface Watched extends Pace {
  /** How many stand before us, at the last look. */
  place: number
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

/** Where notifications come from, if there are any. */
export interface NotificationSource {
  /** Begins or ends. What was said before is not heard. */
  hear(isNeeded: boolean): Promise<void>
  /** `key waiter waiter ...`: anybody may say so. Answers how not to be told. */
  onNotified(notified: (payload: string) => void): () => void
  check(): Promise<void>
  onEnd(ended: (cause: Error) => void): () => void
  /** It hears no more. `isHearing` says whether it does now. */
  stop(isHearing: boolean): Promise<void>
  /** Something has ended it, or the connection beside it. */
  destroy(): void
}

export interface WatchPorts {
  readonly looker: Looker
  readonly source: NotificationSource | null
  readonly waits: Waits
  readonly handlers: NotificationHandlers
  readonly random: Random
}

/**
 * Tells a pool when it is its turn: by looking at the rows of what it waits for, on a connection of the pool, and by
 * notifications where there is a connection to a server session of its own. The first waiter looks often, the others rarely.
 */
export class RowWatch implements ListeningConnection {
  readonly #looker: Looker
  readonly #source: NotificationSource | null
  readonly #ports: WatchPorts
  readonly #watched = new Map<Wait, Watched>()
  readonly #forget: (() => void)[] = []
  readonly #paces = new Map<string, Pace>()
  #hears = false
  #isSwitching = false
  #neededAt = -Infinity
  #cancel: Cancel | null = null
  #isLooking = false
  #isStopped = false

  constructor(ports: WatchPorts) {
    this.#looker = ports.looker
    this.#source = ports.source
    this.#ports = ports
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
    await this.#source?.stop(this.#hears)
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

  /** The first look tells where it stands, and finds what was said before anybody listened for it. */
  #add(wait: Wait): void {
    const now = systemClock.now()
    const dueAt = now + backoffDelay(LOOK, 0, this.#ports.random)
    const pace = this.#paces.get(wait.key.id) ?? { token: '', tokenAt: now, turnMs: LOOK.firstMs }
    this.#watched.set(wait, { ...pace, place: 0, freeSince: null, looks: 0, dueAt })
    this.#plan()
  }

  #remember(wait: Wait, { token, tokenAt, turnMs }: Watched): void {
    if (this.#paces.size >= MOST_PACES) this.#paces.clear()
    this.#paces.set(wait.key.id, { token, tokenAt, turnMs })
  }

  /**
   * Every session that listens is woken by every notification, whoever that is for. So only those listen whose turn is near;
   * and for a while longer, because beginning and ending are statements as well.
   */
  #mindSource(now: number): void {
    if (this.#source === null || this.#isSwitching || this.#isStopped) return
    for (const { place } of this.#watched.values()) if (place <= NEAR) this.#neededAt = now
    const isNeeded = now - this.#neededAt < LINGER_MS
    if (isNeeded === this.#hears) return
    this.#isSwitching = true
    this.#source.hear(isNeeded).then(
      () => {
        this.#hears = isNeeded
        this.#isSwitching = false
        // What was said before is found by a look.
        if (isNeeded) for (const watched of this.#watched.values()) watched.dueAt = systemClock.now()
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
    this.#cancel = systemClock.after(Math.max(dueAt - systemClock.now(), 1), () => void this.#look())
  }

  async #look(): Promise<void> {
    this.#cancel = null
    this.#isLooking = true
    const due = this.#due()
    try {
      const keys = due.map(([wait]) => wait.key.bits)
      const rows = await this.#looker.places(keys, this.#ports.waits.dead())
      const byKey = new Map(rows.map((row) => [row.key, row]))
      for (const [wait, watched] of due) this.#saw(wait, watched, byKey.get(wait.key.bits) ?? null)
      this.#mindSource(systemClock.now())
    } catch (error) {
      if (!this.#isStopped) this.#ended(error as Error)
    } finally {
      this.#isLooking = false
      this.#plan()
    }
  }

  /** Those that are due, and those that nearly are, so that they share a statement. */
  #due(): [Wait, Watched][] {
    const now = systemClock.now() + 2
    const due: [Wait, Watched][] = []
    for (const [wait, watched] of this.#watched) {
      if (this.#ports.waits.of(wait.key.id) !== wait) this.#watched.delete(wait)
      else if (watched.dueAt <= now) due.push([wait, watched])
    }
    return due
  }

  #saw(wait: Wait, watched: Watched, row: PlaceRow | null): void {
    const now = systemClock.now()
    const { place, isFree } = placeOf(wait, row)
    watched.place = place
    const token = row?.token ?? ''
    if (token !== watched.token) {
      watched.turnMs = turnOf(watched, token, now)
      watched.token = token
      watched.tokenAt = now
      watched.looks = 0
      watched.freeSince = null
      this.#remember(wait, watched)
    }
    watched.freeSince = isFree ? (watched.freeSince ?? now) : null
    const backoff = this.#hears && place <= NEAR ? LOOK_BESIDE : LOOK
    watched.dueAt =
      now +
      Math.min(
        Math.max(backoffDelay(backoff, watched.looks++, this.#ports.random), place * watched.turnMs * SOON),
        backoff.capMs * 1.25,
      )
    if (!isFree || this.#ports.waits.of(wait.key.id) !== wait) return
    const isPassing = place > 0 && watched.freeSince !== null && now - watched.freeSince >= PASS_AFTER_MS
    if (place > 0 && !isPassing) {
      watched.dueAt = Math.min(watched.dueAt, now + PASS_AFTER_MS / 2 + 10 * place)
      return
    }
    if (isPassing) wait.passToken = BigInt(token)
    this.#ring(wait)
  }

  /** `key waiter waiter ...`: anybody may say so, and the worst that comes of it is an attempt. */
  readonly #notified = (payload: string): void => {
    if (payload.length > 400) return
    this.#ports.handlers.onPublicMessage()
    const [bits, ...waiters] = payload.split(' ')
    for (const wait of this.#ports.waits.all) {
      if (wait.key.bits === bits && isAmongFirst(wait, waiters)) this.#ring(wait)
    }
  }

  #ring(wait: Wait): void {
    wait.isRung = true
    this.#ports.handlers.onWakeUp(wait.key.id, '')
  }
}

/** Each grant raises the token of a row by one step. */
function turnOf({ token, tokenAt, turnMs }: Watched, now: string, at: number): number {
  if (token === '' || now === '') return turnMs
  const turns = Number((BigInt(now) - BigInt(token)) / BigInt(TOKEN_STEP))
  return turns < 1 ? turnMs : (turnMs + (at - tokenAt) / turns) / 2
}
