/** What all pools of a server have announced, as one of them sees it. */
export interface TableView {
  /** Entries that all pools together may announce. */
  readonly limit: number
  /** Pools besides this one that have announced something. */
  readonly otherPools: number
  /** What those have announced, and what counts as if. */
  readonly others: number
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

/** A pool gets as much again as it needs, so that it need not ask again at once. */
const HEADROOM = 2

/**
 * Pure: how many entries a pool should have. One that needs little gets what it needs and as much again. One that needs
 * more gets a fair part, counting one for a pool that may come next; and beyond that only half of what is left, as long
 * as the newcomer's part stays free. What it uses beyond its part it keeps, and it shrinks as it releases.
 */
export function planShare(view: TableView, needs: ShareNeeds): number {
  const { share, used, needed, mayExceedFair } = needs
  const left = Math.max(Math.floor(view.limit - view.others), 0)
  const fair = Math.floor(view.limit / (view.otherPools + 2))
  const half = Math.floor((share + left) / 2)
  const ceiling = mayExceedFair ? Math.max(fair, Math.min(half, left - fair)) : fair
  return Math.max(Math.min(needed * HEADROOM, ceiling, left), used)
}
