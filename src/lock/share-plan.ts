/** All pools of a server together announce no more than this part of its lock table. */
const ANNOUNCED_PART = 1 / 2

/**
 * What a session may use without announcing, as a part of what each connection adds to the table: if every possible
 * connection were such a session, all of them together would use half of the table. The table really has room for a fifth
 * more than is counted here (background processes add entries too), which is for all other programs.
 */
const SILENT_PART = 1 / 2

/** Locks without an announcement reduce what may be announced, as far as they exceed this part of the table. */
const TOLERATED_PART = 1 / 8

/** Announcements of roles that are not known to use lockpool here take no more than this part from the others. */
const STRANGERS_PART = 1 / 2

/** This part of what may be announced stays free for the next pool, if a fair part is not less. */
const NEWCOMERS_PART = 1 / 4

/** A pool gets twice what it needs, so that it need not ask again at once. */
const HEADROOM = 2

/** The lock table of a server. */
export interface LockTable {
  /** How many entries it has room for. */
  readonly capacity: number
  /** How many of them each connection adds: `max_locks_per_transaction`. */
  readonly perSession: number
}

/** What pools may use of a lock table, in entries. */
export interface ShareRules {
  /** All pools that announce their use, together. */
  readonly together: number
  /** A single pool without others. */
  readonly alone: number
  /** Each session of a pool, whatever others have announced. */
  readonly floor: number
}

/** Pure: the limits that all pools share. */
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
  /** Pools with an announcement, of roles that may use lockpool here. */
  readonly pools: number
  /** What those have announced. */
  readonly announced: number
  /** Announcements of other roles: of pools in other databases, or of strangers. */
  readonly foreignAnnounced: number
  /** Locks that the sessions of those really hold. */
  readonly foreignHeld: number
  /** Locks of sessions without an announcement. */
  readonly unannounced: number
}

/** What all pools of a server have announced, as one of them sees it. */
export interface TableView {
  /** Entries that all pools together may announce. */
  readonly limit: number
  /** Other pools with an announcement. */
  readonly otherPools: number
  /** What those have announced, and what counts as an announcement. */
  readonly others: number
}

/**
 * Pure: the part of the table that pools may share. The announcements of strangers cost the others no more than a part;
 * locks that strangers really hold are not available to any pool.
 */
export function viewOf(table: LockTable, use: OthersUse): TableView {
  const { together } = shareRules(table)
  const believed = Math.max(together * STRANGERS_PART, use.foreignHeld)
  const tooSilent = Math.max(use.unannounced - table.capacity * TOLERATED_PART, 0)
  return {
    limit: Math.max(Math.floor(together - Math.min(use.foreignAnnounced, believed)), 0),
    otherPools: use.pools,
    others: use.announced + tooSilent,
  }
}

export interface ShareNeeds {
  /** What this pool has announced so far, and may use. */
  readonly share: number
  /** Entries in use: never taken away. */
  readonly used: number
  /** Entries in use and wanted. */
  readonly needed: number
  /** False after other pools were seen to grow at the same time. */
  readonly mayExceedFair: boolean
}

/**
 * Pure: how many entries a pool should have. A pool that needs little gets twice what it needs. A pool that needs more
 * gets a fair part, counting one pool that may come next; and beyond that only half of what is left, while something
 * stays free for a newcomer. It keeps what it uses beyond its part, and shrinks as it releases.
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
