/** All lockpools of a server together announce no more than this part of its lock table. */
const ANNOUNCED_PART = 1 / 2

/**
 * What a session may use without a word, of what each connection brings to the table: if every connection there can be were
 * such a session, all of them would use a half of it. The table really has room for a fifth more than is counted here
 * (background processes bring entries too), which is for everybody else.
 */
const SILENT_PART = 1 / 2

/** Locks that nobody has announced count against what may be announced, as far as they are more than this part of the table. */
const TOLERATED_PART = 1 / 8

/** Announcements of roles that are not known to use lockpool here keep no more than this part from those that are. */
const STRANGERS_PART = 1 / 2

/** Of what may be announced, this is left for a pool that may come next, if a fair part is not less. */
const NEWCOMERS_PART = 1 / 4

/** A pool gets as much again as it needs, so that it need not ask again at once. */
const HEADROOM = 2

/** The lock table of a server. */
export interface LockTable {
  /** How many entries it has room for. */
  readonly capacity: number
  /** How many of them each connection brings: `max_locks_per_transaction`. */
  readonly perSession: number
}

/** What lockpools may use of a lock table, in entries. */
export interface ShareRules {
  /** All that announce what they use, together. */
  readonly together: number
  /** One that is alone. */
  readonly alone: number
  /** Each session of one, whatever others have announced. */
  readonly floor: number
}

/** Pure: what everybody who speaks of shares goes by. */
export function shareRules({ capacity, perSession }: LockTable): ShareRules {
  const together = Math.floor(capacity * ANNOUNCED_PART)
  return {
    together,
    alone: together - Math.floor(together * NEWCOMERS_PART),
    floor: Math.max(1, Math.floor(perSession * SILENT_PART)),
  }
}

/** What is known of the use of the table by others. */
export interface OthersUse {
  /** Pools that have announced something, of roles that may use lockpool here. */
  readonly pools: number
  /** What those have announced. */
  readonly announced: number
  /** What is announced by other roles: by pools of other databases, or by anybody. */
  readonly claimed: number
  /** Locks that the sessions of those really hold. */
  readonly claimedHeld: number
  /** Locks of sessions that have announced nothing. */
  readonly unannounced: number
}

/** What all pools of a server have announced, as one of them sees it. */
export interface TableView {
  /** Entries that all pools together may announce. */
  readonly limit: number
  /** Pools besides this one that have announced something. */
  readonly otherPools: number
  /** What those have announced, and what counts as if. */
  readonly others: number
}

/**
 * Pure: what of the table there is for pools to share. What a stranger says costs the others no more than a part, and what he
 * really holds is no longer there for anybody.
 */
export function viewOf(table: LockTable, use: OthersUse): TableView {
  const { together } = shareRules(table)
  const believed = Math.max(together * STRANGERS_PART, use.claimedHeld)
  const tooSilent = Math.max(use.unannounced - table.capacity * TOLERATED_PART, 0)
  return {
    limit: Math.max(Math.floor(together - Math.min(use.claimed, believed)), 0),
    otherPools: use.pools,
    others: use.announced + tooSilent,
  }
}

export interface ShareNeeds {
  /** What this pool has announced so far, and may use. */
  readonly share: number
  /** Entries in use: never taken away. */
  readonly used: number
  /** Entries in use and asked for. */
  readonly needed: number
  /** Not after others have been seen to grow at the same time. */
  readonly mayExceedFair: boolean
}

/**
 * Pure: how many entries a pool should have. One that needs little gets what it needs and as much again. One that needs
 * more gets a fair part, counting one for a pool that may come next; and beyond that only half of what is left, as long
 * as something stays free for a newcomer. What it uses beyond its part it keeps, and it shrinks as it releases.
 */
export function planShare(view: TableView, needs: ShareNeeds): number {
  const { share, used, needed, mayExceedFair } = needs
  const left = Math.max(Math.floor(view.limit - view.others), 0)
  const fair = Math.floor(view.limit / (view.otherPools + 2))
  const half = Math.floor((share + left) / 2)
  const forNewcomers = Math.min(fair, Math.floor(view.limit * NEWCOMERS_PART))
  const ceiling = mayExceedFair ? Math.max(fair, Math.min(half, left - forNewcomers)) : fair
  return Math.max(Math.min(needed * HEADROOM, ceiling, left), used)
}
