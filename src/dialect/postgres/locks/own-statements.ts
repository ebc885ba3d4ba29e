import {
  BATCH,
  DROP_STALE,
  PAIR_BATCH,
  PLAIN_BATCH,
  RELEASE_ONE,
  RETRY_ONE,
  RETRY_ONE_MARKED,
  SHARED_BATCH,
  TRY_ONE,
} from './batch-sql.js'
import { MARK, SETTLE, UNMARK } from '../fencing/hold-record-sql.js'
import {
  EXCLUSIVE_LINE,
  EXCLUSIVE_PAIR_LINE,
  IS_QUEUED_FOR,
  SHARED_LINE,
  SHARED_PAIR_LINE,
} from './server-queue-sql.js'
import {
  LEAVE_PERMITS,
  OTHER_PERMITS,
  RELEASE_ONE_PERMIT,
  RELEASE_PERMITS,
  TAKE_ONE_PERMIT,
  TAKE_PERMITS,
} from './permit-sql.js'
import { HELD_BY, UNLOCK_EACH } from './reconcile-sql.js'
import {
  ANNOUNCE_POOL,
  ANNOUNCE_SHARE,
  TABLE_USE,
  WITHDRAW_POOL,
  WITHDRAW_SHARE,
} from './announcement-sql.js'
import { IS_WANTED, RING, TELL } from '../notify/notify-sql.js'
import { HEARTBEAT } from '../connection/heartbeat-sql.js'

/** What a session sends while it holds locks of a pool. */
const STATEMENTS: readonly string[] = [
  ...[ANNOUNCE_POOL, ANNOUNCE_SHARE, BATCH, HEARTBEAT, HELD_BY, PAIR_BATCH, PLAIN_BATCH, RELEASE_ONE],
  ...[
    DROP_STALE,
    RETRY_ONE,
    RETRY_ONE_MARKED,
    SHARED_BATCH,
    IS_QUEUED_FOR,
    IS_WANTED,
    RING,
    TABLE_USE,
    TELL,
    TRY_ONE,
    UNLOCK_EACH,
    WITHDRAW_POOL,
    WITHDRAW_SHARE,
  ],
  ...[TAKE_PERMITS, TAKE_ONE_PERMIT, RELEASE_ONE_PERMIT, RELEASE_PERMITS, LEAVE_PERMITS, OTHER_PERMITS],
  ...[MARK, SETTLE, UNMARK],
  ...[EXCLUSIVE_LINE, EXCLUSIVE_PAIR_LINE, SHARED_LINE, SHARED_PAIR_LINE].flatMap((line) =>
    Object.values(line),
  ),
]

/** Too short to be told from the beginning of anybody's statement. */
const SHORTEST = 24

/**
 * Whether the last statement of a session is one that only lock sessions send. The server keeps no more of it than its
 * beginning (`track_activity_query_size`), and nothing else says what a session is for: its name may be anything.
 */
export function isLockpoolStatement(query: string): boolean {
  return query.length >= SHORTEST && STATEMENTS.some((statement) => statement.startsWith(query))
}
