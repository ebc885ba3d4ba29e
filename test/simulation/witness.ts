import type { Clock } from '../../src/base/clock.js'
import type { LockMode } from '../../src/dialect/lock-key.js'

/** A lock as the application sees it. */
export interface SeenLock {
  readonly mode: LockMode
  readonly state: 'held' | 'released' | 'lost'
}

/** The request of a caller for a lock. */
export interface Ask {
  readonly key: string
  readonly holder: string
  readonly at: number
  /** The greatest token of the key at the time of the request. */
  readonly before: bigint
}

/** One hold, from the time when the application saw the grant until its last check. A lost lock is never regained. */
export interface Hold {
  readonly key: string
  readonly holder: string
  readonly lock: SeenLock
  readonly from: number
  /** The time of the last check that found the lock held. `-Infinity` if the lock was already lost when the grant arrived. */
  until: number
  /** The server ended the session before its lease was over, and the holder could not know. */
  isLetGo: boolean
  isOver: boolean
}

/**
 * An observer of all processes that knows nothing of how they lock. It records which process believes to hold which
 * lock, the tokens, and the writes to the guarded data.
 */
export class Witness {
  readonly #clock: Clock
  readonly #complain: (what: string) => void
  readonly #leaseMs: number
  readonly #excuses: (key: string) => boolean
  readonly #holds = new Map<string, Hold[]>()
  /** The greatest token granted so far, by key. */
  readonly #highest = new Map<string, bigint>()
  /** When the server last ended sessions without the knowledge of their process, by process. */
  readonly #letGoAt = new Map<string, number>()
  #asks = 0
  readonly #resources = new Map<string, { token: bigint; value: number }>()
  grants = 0
  overlaps = 0
  writes = 0
  refusedWrites = 0

  /** `excuses` returns whether a key may have two holders after the server released a lock early, as in plain mode. */
  constructor(
    clock: Clock,
    leaseMs: number,
    excuses: (key: string) => boolean,
    complain: (what: string) => void,
  ) {
    this.#clock = clock
    this.#leaseMs = leaseMs
    this.#excuses = excuses
    this.#complain = complain
  }

  /** The key of a permit contains the number, which only the grant reveals. The caller replaces `key` and `before` then. */
  asks(process: string, caller: string, key: string): Ask {
    const holder = `${process}/${caller}#${++this.#asks}`
    return { key, holder, at: this.#clock.now(), before: this.#highest.get(key) ?? 0n }
  }

  /**
   * Records a grant. Its token must be greater than every token that was granted before the request. A writer's token must also
   * be greater than every token that was granted since the request, unless the answer came late: the process was stopped, or
   * the server released the lock while the answer was on its way. In plain mode, a process whose session ended early passes its
   * lock on until it learns of the end, so its tokens are not compared.
   */
  granted(
    { key, holder, at, before }: Ask,
    lock: SeenLock & { readonly token: bigint },
    isNews: boolean,
  ): Hold {
    this.grants++
    const highest = this.#highest.get(key) ?? 0n
    // A process that does not know of the loss may pass the lock on to later callers until the lease ends.
    const letGoAt = this.#letGoAt.get(processOf(holder)) ?? -Infinity
    const isLetGo = letGoAt >= at || this.#clock.now() - letGoAt <= this.#leaseMs
    const mustPass =
      isLetGo && this.#excuses(key) ? 0n : lock.mode === 'exclusive' && isNews && !isLetGo ? highest : before
    if (lock.token <= mustPass)
      this.#complain(`${holder} got ${key} with token ${lock.token} after ${mustPass}`)
    if (lock.token > highest) this.#highest.set(key, lock.token)
    const from = this.#clock.now()
    const hold: Hold = { key, holder, lock, from, until: -Infinity, isLetGo, isOver: false }
    this.#holds.set(key, [...(this.#holds.get(key) ?? []), hold])
    this.look(hold)
    return hold
  }

  /** The holder checks whether it still has its lock. Call this only while the process runs. */
  look(hold: Hold): void {
    if (hold.lock.state !== 'held') return
    hold.until = this.#clock.now()
    for (const other of this.#holds.get(hold.key) ?? []) {
      if (other !== hold && isOverlap(hold, other)) this.#overlap(hold, other)
    }
  }

  /**
   * The holder makes no more checks. The hold stays recorded while a hold that began before its end goes on, because the two
   * may overlap.
   */
  ended(hold: Hold): void {
    hold.isOver = true
    const holds = this.#holds.get(hold.key) ?? []
    const oldest = Math.min(...holds.filter(({ isOver }) => !isOver).map(({ from }) => from))
    const kept = holds.filter(({ isOver, until }) => !isOver || until > oldest)
    this.#holds.set(hold.key, kept)
  }

  /**
   * The server has ended sessions of a process that cannot know of it. A grant that the process sees later may still come from
   * such a session.
   */
  letGo(process: string): void {
    this.#letGoAt.set(process, this.#clock.now())
    for (const hold of [...this.#holds.values()].flat())
      if (processOf(hold.holder) === process) hold.isLetGo = true
  }

  /**
   * Stores the token at the guarded resource, and returns the value there. Returns null if a later holder has stored its token.
   */
  claim(key: string, token: bigint): number | null {
    const resource = this.#resource(key)
    if (token < resource.token) return this.#refused()
    resource.token = token
    return resource.value
  }

  /** Writes the value that the holder has read, plus one. */
  write(key: string, holder: string, token: bigint, value: number): void {
    const resource = this.#resource(key)
    if (token < resource.token) return void this.#refused()
    if (value !== resource.value + 1)
      this.#complain(`${holder} wrote ${value} over ${resource.value} of ${key}: an update was lost`)
    resource.token = token
    resource.value = value
    this.writes++
  }

  #refused(): null {
    this.refusedWrites++
    return null
  }

  #resource(key: string): { token: bigint; value: number } {
    let resource = this.#resources.get(key)
    if (resource === undefined) this.#resources.set(key, (resource = { token: 0n, value: 0 }))
    return resource
  }

  #overlap(one: Hold, other: Hold): void {
    this.overlaps++
    if (this.#excuses(one.key) && (one.isLetGo || other.isLetGo)) return
    this.#complain(
      `${one.holder} (${one.lock.mode}) and ${other.holder} (${other.lock.mode}) both hold ${one.key}`,
    )
  }
}

function processOf(holder: string): string {
  return holder.slice(0, holder.indexOf('/'))
}

/** Holds that only touch at one instant do not overlap: the first holder may have released the lock at that instant. */
function isOverlap(one: Hold, other: Hold): boolean {
  const areReaders = one.lock.mode === 'shared' && other.lock.mode === 'shared'
  return !areReaders && one.from < other.until && other.from < one.until
}
