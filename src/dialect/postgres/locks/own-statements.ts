import {
  BATCH,
  DROP_STALE,
  PAIR_BATCH,
  PLAIN_BATCH,
  RELEASE_ONE,
  RETRY_ONE,
  RETRY_ONE_WITH_INTENT,
  SHARED_BATCH,
  TRY_ONE,
} from './batch-sql.js'
import { RECORD_HOLDS, DELETE_LEFTOVER, DELETE_HOLDS } from '../fencing/hold-record-sql.js'
import {
  EXCLUSIVE_QUEUE,
  EXCLUSIVE_PAIR_QUEUE,
  IS_QUEUED_FOR,
  SHARED_QUEUE,
  SHARED_PAIR_QUEUE,
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
import { IS_WANTED, NOTIFY_WAITERS, SEND_NOTIFICATION } from '../notify/notify-sql.js'
import { HEARTBEAT } from '../connection/heartbeat-sql.js'

/** All statements that a session may send while it holds locks of a pool, without their line breaks. */
const STATEMENTS: readonly string[] = [
  ...[ANNOUNCE_POOL, ANNOUNCE_SHARE, BATCH, HEARTBEAT, HELD_BY, PAIR_BATCH, PLAIN_BATCH, RELEASE_ONE],
  ...[
    DROP_STALE,
    RETRY_ONE,
    RETRY_ONE_WITH_INTENT,
    SHARED_BATCH,
    IS_QUEUED_FOR,
    IS_WANTED,
    NOTIFY_WAITERS,
    TABLE_USE,
    SEND_NOTIFICATION,
    TRY_ONE,
    UNLOCK_EACH,
    WITHDRAW_POOL,
    WITHDRAW_SHARE,
  ],
  ...[TAKE_PERMITS, TAKE_ONE_PERMIT, RELEASE_ONE_PERMIT, RELEASE_PERMITS, LEAVE_PERMITS, OTHER_PERMITS],
  ...[RECORD_HOLDS, DELETE_LEFTOVER, DELETE_HOLDS],
  ...[EXCLUSIVE_QUEUE, EXCLUSIVE_PAIR_QUEUE, SHARED_QUEUE, SHARED_PAIR_QUEUE].flatMap((line) =>
    Object.values(line),
  ),
].map(inOneLine)

/** Shorter texts could also be the beginning of another program's statement. */
const SHORTEST = 24

/**
 * Whether the last statement of a session is one that only lock sessions send. The server keeps only the beginning of
 * it (`track_activity_query_size`). Nothing else identifies a lock session: its application name can be anything.
 */
export function isLockpoolStatement(query: string): boolean {
  const beginning = inOneLine(query)
  return beginning.length >= SHORTEST && STATEMENTS.some((statement) => statement.startsWith(beginning))
}

/** A published package indents its statements in another way than a clone. */
function inOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}
