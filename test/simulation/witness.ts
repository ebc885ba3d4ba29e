import type { Clock } from '../../src/base/clock.js'
import type { LockMode } from '../../src/dialect/lock-key.js'

/** A lock, as the application that has it can see it. */
export interface SeenLock {
  readonly mode: LockMode
  readonly state: 'held' | 'released' | 'lost'
}

/** A caller requests a lock. */
export interface Ask {
  readonly key: string
  readonly holder: string
  readonly at: number
  /** The greatest token of the key by then. */
  readonly before: bigint
}

/** One hold, from its grant as the application saw it to the last check. A lost lock never comes back. */
export interface Hold {
  readonly key: string
  readonly holder: string
  readonly lock: SeenLock
  readonly from: number
  /** The last look that said so; never, if the news came so late that the lock was lost by then. */
  until: number
  /** The server ended the session before its time, and the holder could not know. */
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
  /** When sessions were last ended, by process. */
  readonly #letGoAt = new Map<string, number>()
  #asks = 0
  readonly #resources = new Map<string, { token: bigint; value: number }>()
  grants = 0
  overlaps = 0
  writes = 0
  refusedWrites = 0

  /** `excuses`: of which keys there may be two holders if the server lets go early, as in plain mode. */
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

  /** `key` may turn out only with the grant, if it is that of a permit: what was before is then not known. */
  asks(process: string, caller: string, key: string): Ask {
    const holder = `${process}/${caller}#${++this.#asks}`
    return { key, holder, at: this.#clock.now(), before: this.#highest.get(key) ?? 0n }
  }

  /**
   * Records a grant. Its token must be greater than all that were granted before the request. The token of a writer
   * must also be greater than all that were granted since, unless its answer came late: the process was stopped, or the
   * answer was on its way when the server released the lock. In plain mode a process whose session ended early passes
   * its lock on until it knows of the end.
   */
  granted(
    { key, holder, at, before }: Ask,
    lock: SeenLock & { readonly token: bigint },
    isNews: boolean,
  ): Hold {
    this.grants++
    const highest = this.#highest.get(key) ?? 0n
    // A process that does not know of the loss may pass it on to later callers until the lease ends.
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

  /** The holder looks whether it still has its lock. To be called only while its process runs. */
  look(hold: Hold): void {
    if (hold.lock.state !== 'held') return
    hold.until = this.#clock.now()
    for (const other of this.#holds.get(hold.key) ?? []) {
      if (other !== hold && isOverlap(hold, other)) this.#overlap(hold, other)
    }
  }

  /** The holder makes no more checks. The hold is kept while an earlier holder may still check. */
  ended(hold: Hold): void {
    hold.isOver = true
    const holds = this.#holds.get(hold.key) ?? []
    const oldest = Math.min(...holds.filter(({ isOver }) => !isOver).map(({ from }) => from))
    const kept = holds.filter(({ isOver, until }) => !isOver || until > oldest)
    this.#holds.set(hold.key, kept)
  }

  /**
   * The server has ended sessions of a process that cannot know it. The process may even get a lock only afterwards.
   */
  letGo(process: string): void {
    this.#letGoAt.set(process, this.#clock.now())
    for (const hold of [...this.#holds.values()].flat())
      if (processOf(hold.holder) === process) hold.isLetGo = true
  }

  /** Leaves the token at what the key guards, and reads it; null if a later holder has been there. */
  claim(key: string, token: bigint): number | null {
    const resource = this.#resource(key)
    if (token < resource.token) return this.#refused()
    resource.token = token
    return resource.value
  }

  /** Writes one more than was read. */
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

/** Two at the very same moment are none yet: the one may have given it to the other. */
function isOverlap(one: Hold, other: Hold): boolean {
  const areReaders = one.lock.mode === 'shared' && other.lock.mode === 'shared'
  return !areReaders && one.from < other.until && other.from < one.until
}
