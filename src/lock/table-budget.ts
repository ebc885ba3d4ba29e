import { backoffDelay, type Backoff } from '../base/backoff.js'
import { sleep, type Cancel, type Clock } from '../base/clock.js'
import { LockTableFullError, type LockError } from '../base/errors.js'
import type { Random } from '../base/random.js'
import type { LockLink, TableUse } from '../dialect/dialect.js'
import { planShare, shareRules, viewOf, type LockTable, type TableView } from './share-plan.js'

/** A look is not repeated before this. */
const LOOK_AGAIN_MS = 1000

/**
 * A look costs the server time in proportion to all its locks (60 ms at 40,000, measured). All pools together spend no
 * more than this part of a processor on it: the more it costs, and the more pools there are, the rarer it is.
 */
const LOOKING_PART = 1 / 100

/** However expensive looks are, or a stranger makes them appear, there is one after this long. */
const RAREST_MS = 600_000

/**
 * When a pool with an announcement checks whether others need entries: soon after it has grown, then more and more
 * rarely.
 */
const RHYTHM: Backoff = { firstMs: 2000, factor: 2, capMs: 32_000, jitter: 0.25 }

/** Pools that grow at the same time see each other, step back, and try again at different times. */
const ATTEMPTS = 3
const APART_MS = 20

/** From this part of its limit on, a pool warns. */
const WARN_FROM = 0.8

export interface BudgetHost {
  readonly clock: Clock
  readonly random: Random
  /** Entries of the server's lock table that this pool uses. */
  readonly used: number
  /** Entries that callers wait to be allowed to use. */
  readonly asking: number
  /** The budget knows now whether there is room for them. */
  shareChecked(): void
  warn(message: string, error?: Error): void
}

/**
 * How much of the server's lock table this pool may use. A full table breaks the statements of all programs, so pools
 * share a part of it. Each announces at the server how much it wants to use, then reads all announcements, and uses it
 * only if they fit: if two do so at once, the later one sees both. So the total stays below the limit, whatever pools
 * come and go. Every session of a pool announces the same, so the announcement lasts as long as there are locks to cover.
 */
export class TableBudget {
  readonly #host: BudgetHost
  readonly #sender: string
  /** `maxHeldLocks`, if it is a number: then nothing is announced, and the rest of this class is unused. */
  readonly #fixed: number | null
  readonly #links = new Set<LockLink>()
  #table: LockTable = UNKNOWN
  /** The announcements at the last look. */
  #view: TableView | null = null
  /** What is announced and was found to fit. Zero if the allowance without announcement is enough. */
  #share = 0
  #announced = 0
  /** The share that it could have had at the last look. */
  #ceiling = Infinity
  #lookedAt = -Infinity
  /** The cost of the last look, as the time that must pass because of it. */
  #priceMs = 0
  /** When that time is over for all looks so far, including those by which it has grown. */
  #paidAt = -Infinity
  #isLooking = false
  #cancelRhythm: Cancel | null = null
  /** The number of looks since it has grown. */
  #quietLooks = 0
  #isWarned = false
  #isClosed = false

  constructor(maxHeldLocks: number | 'auto', sender: string, host: BudgetHost) {
    this.#fixed = maxHeldLocks === 'auto' ? null : maxHeldLocks
    this.#sender = sender
    this.#host = host
  }

  /** Entries it may use now. */
  get allowed(): number {
    return this.#fixed ?? Math.max(this.#share, this.#silent)
  }

  /** The allowance without announcement. Announcements of others do not reduce it. */
  get #silent(): number {
    return shareRules(this.#table).floor * Math.max(this.#links.size, 1)
  }

  /** Whether this many more entries may be used. `later`: `grow` may help. */
  room(entries: number): 'now' | 'later' | LockError {
    const used = this.#host.used + entries
    const most = this.#fixed ?? Math.max(this.#ceiling, this.#silent)
    if (!this.#isWarned && used >= most * WARN_FROM && most < Infinity) this.#warn(used, most)
    if (used <= this.allowed) return 'now'
    return this.#mayLook(used) ? 'later' : this.#full()
  }

  /** Looks whether more is available, and calls `shareChecked` when that is known. */
  grow(): void {
    if (this.#isLooking || this.#isClosed) return
    this.#isLooking = true
    this.#look()
      .catch((error: unknown) => {
        if (this.#links.size > 0)
          this.#host.warn('checking for room in the lock table failed', error as Error)
      })
      .finally(() => {
        this.#isLooking = false
        this.#lookedAt = this.#host.clock.now()
        this.#keepRhythm()
        this.#host.shareChecked()
      })
  }

  /** A session has opened. It announces the same as the others before its first lock. */
  async joined(link: LockLink): Promise<void> {
    this.#table = { capacity: link.capacity, perSession: link.capacityPerSession }
    this.#links.add(link)
    if (this.#fixed === null && this.#announced > 0) await link.announce(this.#sender, this.#announced)
  }

  /**
   * A session was checked in or lost. After the last one nothing is announced, and nothing is known of the table: the
   * next session comes first, and requests are decided again.
   */
  detached(link: LockLink): void {
    this.#links.delete(link)
    if (this.#links.size > 0) return
    this.#share = this.#announced = 0
    this.#table = UNKNOWN
    this.#view = null
    this.#ceiling = Infinity
    this.#lookedAt = this.#paidAt = -Infinity
    this.#priceMs = 0
    this.#stopRhythm()
  }

  close(): void {
    this.#isClosed = true
    this.#stopRhythm()
  }

  /** Whether to look now: at once if the last look has shown that more is available; otherwise now and then. */
  #mayLook(used: number): boolean {
    if (this.#fixed !== null || this.#isClosed) return false
    if (this.#isLooking || used <= this.#ceiling) return true
    return this.#host.clock.now() - this.#lookedAt >= Math.max(LOOK_AGAIN_MS, this.#priceMs)
  }

  async #look(): Promise<void> {
    // Many callers come at once, so this counts all callers of this moment.
    await NOW
    let mayExceedFair = true
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const needed = this.#host.used + this.#host.asking
      if (needed <= this.#silent) return this.#useShare(0)
      const before = this.#share
      const isUndisturbed = await this.#growTo(needed, mayExceedFair)
      const nowNeeded = this.#host.used + this.#host.asking
      if (this.allowed >= nowNeeded) return
      // Beyond its part it gets half of what is left at a time.
      const isAll = this.#share <= before && nowNeeded <= needed
      if (isUndisturbed && isAll) return
      if (isUndisturbed) continue
      mayExceedFair = false
      await sleep(this.#host.clock, APART_MS * this.#host.random.next())
    }
  }

  /** False if others grew at the same time, and it got less than seemed available. */
  async #growTo(needed: number, mayExceedFair: boolean): Promise<boolean> {
    // It must announce something for others to count it.
    await this.#announce(Math.max(this.#share, 1))
    const plan = this.#plan(await this.#use(), needed, mayExceedFair)
    if (plan > this.#share) {
      await this.#announce(plan)
      const confirmed = this.#plan(await this.#use(), needed, mayExceedFair)
      await this.#useShare(Math.min(plan, confirmed))
      return confirmed >= plan
    }
    await this.#useShare(plan)
    return true
  }

  #plan(use: TableUse, needed: number, mayExceedFair: boolean): number {
    const view = viewOf(this.#table, use)
    const needs = { share: this.#share, used: this.#host.used, mayExceedFair }
    this.#view = view
    this.#ceiling = planShare(view, { ...needs, needed: view.limit })
    return planShare(view, { ...needs, needed })
  }

  /** From now on it uses no more than this, which is no more than what is announced. */
  async #useShare(share: number): Promise<void> {
    if (this.#host.used < this.allowed / 2) this.#isWarned = false
    if (share > this.#share) {
      this.#quietLooks = 0
      this.#stopRhythm()
    }
    this.#share = share
    if (this.#announced !== share) await this.#announce(share)
  }

  /** Announces the share by every session, so that it lasts as long as there are locks to cover. */
  async #announce(share: number): Promise<void> {
    this.#announced = share
    const links = [...this.#links]
    if (links.length === 0) throw new Error('there is no session to announce it')
    const outcomes = await Promise.allSettled(links.map((link) => link.announce(this.#sender, share)))
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.status === 'rejected' && this.#links.has(links[i]!)) throw outcome.reason
    }
  }

  /** The announcements of all others, read by any session that is still there: by now all of ours announce the same. */
  async #use(): Promise<TableUse> {
    const ours = [...this.#links].map(({ serverId }) => serverId)
    for (const link of [...this.#links]) {
      try {
        const use = await link.tableUse(ours)
        this.#pay(use)
        return use
      } catch (error) {
        if (this.#links.has(link)) throw error
      }
    }
    throw new Error('there is no session to look with')
  }

  #pay({ costMs, pools, foreignPools }: TableUse): void {
    const now = this.#host.clock.now()
    this.#priceMs = Math.min((costMs * (pools + foreignPools + 1)) / LOOKING_PART, RAREST_MS)
    this.#paidAt = Math.min(Math.max(this.#paidAt, now) + this.#priceMs, now + RAREST_MS)
  }

  #keepRhythm(): void {
    if (this.#share === 0 || this.#isClosed || this.#cancelRhythm !== null) return
    const delayMs = backoffDelay(RHYTHM, this.#quietLooks++, this.#host.random)
    const unpaidMs = this.#paidAt - this.#host.clock.now()
    this.#cancelRhythm = this.#host.clock.after(Math.max(delayMs, unpaidMs), () => {
      this.#cancelRhythm = null
      this.grow()
    })
  }

  #stopRhythm(): void {
    this.#cancelRhythm?.()
    this.#cancelRhythm = null
  }

  #full(): LockTableFullError {
    if (this.#fixed !== null)
      return new LockTableFullError(
        `this pool may use ${this.#fixed} entries of the server's lock table, as "maxHeldLocks" says`,
      )
    const { capacity, perSession } = this.#table
    const others = this.#view === null ? 0 : Math.round(this.#view.others)
    const { together } = shareRules(this.#table)
    return new LockTableFullError(
      `this pool uses ${this.#host.used} entries of the server's lock table, and its share is ${this.allowed} now: all pools ` +
        `together may use ${this.#view?.limit ?? together} of ${capacity}, of which others have ${others}. ` +
        `Raise max_locks_per_transaction (${perSession}) of the server, or set "maxHeldLocks" of the pool if no one ` +
        'else needs the table',
    )
  }

  #warn(used: number, most: number): void {
    this.#isWarned = true
    this.#host.warn(
      `this pool uses ${used} of the ${most} entries that it may use of the server's lock table`,
    )
  }
}

const NOW = Promise.resolve()

/** Before there is a session, nothing is refused. */
const UNKNOWN: LockTable = { capacity: Infinity, perSession: Infinity }
