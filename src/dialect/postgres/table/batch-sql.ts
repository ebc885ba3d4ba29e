import { TOKEN_STEP } from '../../lock-operation.js'
import { CODE, FLAG } from '../../rows/operations.js'
import { own } from './own-words.js'
import { IS_ON_TIMELINE } from './timeline-sql.js'

/**
 * Batches of operations on rows with leases. Each operation changes one row. The row and the parameters alone decide
 * how, so the operation is atomic in every engine with conditional updates. No clock and no other table takes part in
 * the decision: dead members are a parameter. The sender has seen them marked dead, and that mark is final.
 *
 * Parameters: `$1` the code of each operation, `$2` its key, `$3` a token for some; `$4` the id of the member that
 * asks, `$5` the negative of it, `$6` its epoch, `$7` the members that are dead. Keys are sorted, so two batches can't
 * deadlock.
 */
/**
 * Lets a statement pass only while its member lives, in this epoch, on the timeline on which it has joined. The lock on
 * the member's row keeps the first two unchanged until the batch is over.
 */
export function gate(member: string, epoch: string): string {
  return own(`
gate AS MATERIALIZED (
  SELECT member.floor, member.generation
  FROM lockpool.member AS member
  WHERE member.id {=} ${member}::bigint AND member.epoch {=} ${epoch}::bigint AND NOT member.dead
    AND ${IS_ON_TIMELINE}
  FOR KEY SHARE
)`)
}

const GATE = gate('$4', '$6')

const OPERATIONS = `
o AS MATERIALIZED (
  SELECT gate.generation, b.k, b.t, b.i::int AS i, pg_catalog.get_byte($1::pg_catalog.bytea, b.i::int {-} 1) AS c
  FROM gate
  CROSS JOIN ROWS FROM (pg_catalog.unnest($2::bigint[]), pg_catalog.unnest($3::bigint[])) WITH ORDINALITY AS b (k, t, i)
)`

const IS_UNOWNED = `(l.owner IS NULL OR l.owner {=} ANY ($7::bigint[]))`
const IS_UNREAD = `(l.readers IS NULL OR l.readers {<@} $7::bigint[])`
const IS_UNAWAITED = `(l.waiters IS NULL OR pg_catalog.cardinality(l.waiters) {=} 0)`
const NO_WRITER_WAITS = `(l.waiters IS NULL OR 0 {>} ALL (l.waiters))`
const READS = `coalesce($4::bigint {=} ANY (l.readers), false)`
const WRITER_WAITS_HERE = `coalesce($4::bigint {=} ANY (l.waiters), false)`
const READER_WAITS_HERE = `coalesce($5::bigint {=} ANY (l.waiters), false)`
const OTHERS = `pg_catalog.array_remove(pg_catalog.array_remove(l.waiters, $4::bigint), $5::bigint)`
const IS_AWAITED = `coalesce(pg_catalog.cardinality(${OTHERS}) {>} 0, false)`

const IS_MINE = `coalesce(l.owner {=} $4::bigint, false)`

const IS_MY_TURN = `(${IS_UNAWAITED} OR l.waiters[1] {=} $4::bigint)`
const FREE_FOR_WRITER = `(${IS_UNOWNED} AND ${IS_UNREAD} AND ${IS_MY_TURN})`
const FREE_PAST_FIRST = `(${IS_UNOWNED} AND ${IS_UNREAD} AND (${IS_MY_TURN} OR l.token {=} o.t))`
const FREE_FOR_READER = `(${IS_UNOWNED} AND (${NO_WRITER_WAITS} OR l.waiters[1] {=} $5::bigint))`

const is = (...codes: number[]): string => `(${codes.map((code) => `o.c {=} ${code}`).join(' OR ')})`

/** A release may have given the lock to this waiter already. */
const TAKES = `CASE
  WHEN ${is(CODE.tryExclusive)} THEN ${FREE_FOR_WRITER}
  WHEN ${is(CODE.waitExclusive)} THEN ${FREE_FOR_WRITER} OR ${IS_MINE}
  WHEN ${is(CODE.passExclusive)} THEN ${FREE_PAST_FIRST} OR ${IS_MINE}
  ELSE false END`

const READS_ALONG = `CASE
  WHEN ${is(CODE.tryShared, CODE.waitShared)} THEN ${FREE_FOR_READER}
  WHEN ${is(CODE.insistShared)} THEN ${IS_UNOWNED}
  ELSE false END`

const withWriter = `CASE WHEN ${WRITER_WAITS_HERE} THEN l.waiters ELSE pg_catalog.array_append(${OTHERS}, $4::bigint) END`
const withReader = `CASE WHEN ${READER_WAITS_HERE} THEN l.waiters ELSE pg_catalog.array_append(${OTHERS}, $5::bigint) END`

/** Operations that give up a lock or a place in the queue. */
const RELEASES = is(
  CODE.releaseExclusive,
  CODE.releaseShared,
  CODE.leave,
  CODE.clearIntent,
  CODE.yield,
  CODE.drop,
)

/**
 * The same statement gives the lock to the first waiter if that is a writer that is not known to be dead. Then the
 * waiter sends no statement for it, and no other process can be faster. If the first waiter is a reader, the lock is
 * reserved for the readers, which come for it themselves.
 *
 * So a member may own a row before it knows it, even a row in which it has left only the intent of a writer. When it no
 * longer wants the lock, it also gives up that ownership.
 */
const NEXT = `(CASE WHEN ${is(CODE.releaseExclusive, CODE.releaseShared)} THEN l.waiters ELSE ${OTHERS} END)`
const WANTS_NO_MORE = is(CODE.leave, CODE.clearIntent, CODE.drop)
const IS_GIVEN_UP = `(${IS_UNOWNED} OR ${IS_MINE} AND (${is(CODE.releaseExclusive, CODE.yield)} OR ${WANTS_NO_MORE}))`
const IS_LEFT_UNREAD = `(l.readers IS NULL OR CASE WHEN ${is(CODE.releaseShared, CODE.drop)}
        THEN pg_catalog.array_remove(l.readers, $4::bigint) ELSE l.readers END {<@} $7::bigint[])`
const PASSES = `(${RELEASES} AND l.waiters IS NOT NULL AND (${NEXT})[1] {>} 0 AND NOT (${NEXT})[1] {=} ANY ($7::bigint[])
        AND ${IS_GIVEN_UP} AND ${IS_LEFT_UNREAD})`

const CHANGES = `
    owner = CASE
      WHEN ${TAKES} THEN $4::bigint
      WHEN ${PASSES} THEN (${NEXT})[1]
      WHEN ${READS_ALONG} OR ${is(CODE.releaseExclusive)} THEN NULL
      WHEN ${is(CODE.yield)} AND ${IS_AWAITED} THEN NULL
      WHEN ${WANTS_NO_MORE} AND l.owner {=} $4::bigint THEN NULL
      ELSE l.owner END,
    readers = CASE
      WHEN ${TAKES} OR ${PASSES} THEN NULL
      WHEN ${READS_ALONG} AND NOT ${READS} THEN pg_catalog.array_append(l.readers, $4::bigint)
      WHEN ${is(CODE.releaseShared, CODE.drop)} THEN pg_catalog.array_remove(l.readers, $4::bigint)
      ELSE l.readers END,
    waiters = CASE
      WHEN ${PASSES} AND ${is(CODE.yield)} THEN pg_catalog.array_append((${NEXT})[2:], $4::bigint)
      WHEN ${PASSES} THEN (${NEXT})[2:]
      WHEN ${is(CODE.passExclusive)} AND ${TAKES} AND NOT ${IS_MY_TURN} THEN (${OTHERS})[2:]
      WHEN ${TAKES} OR ${READS_ALONG} OR ${WANTS_NO_MORE} THEN ${OTHERS}
      WHEN ${is(CODE.waitExclusive, CODE.passExclusive, CODE.queue, CODE.setIntent)} THEN ${withWriter}
      WHEN ${is(CODE.waitShared, CODE.insistShared)} THEN ${withReader}
      WHEN ${is(CODE.yield)} AND ${IS_AWAITED} THEN pg_catalog.array_append(${OTHERS}, $4::bigint)
      ELSE l.waiters END,
    token = l.token {+} CASE
      WHEN ${TAKES} OR ${PASSES} OR ${READS_ALONG} OR ${is(CODE.join, CODE.rejoin)} THEN ${TOKEN_STEP}
      WHEN ${is(CODE.yield)} AND NOT ${IS_AWAITED} THEN ${TOKEN_STEP}
      ELSE 0 END`

/** Only changed rows are returned. For others the operation was refused, or the row is already as it should be. */
const IS_CHANGED = `CASE
    WHEN ${is(CODE.tryExclusive)} THEN ${FREE_FOR_WRITER}
    WHEN ${is(CODE.releaseExclusive, CODE.yield)} THEN l.owner {=} $4::bigint AND l.token {=} o.t
    WHEN ${is(CODE.tryShared)} THEN ${FREE_FOR_READER}
    WHEN ${is(CODE.waitExclusive)} THEN ${FREE_FOR_WRITER} OR ${IS_MINE} OR NOT ${WRITER_WAITS_HERE}
    WHEN ${is(CODE.passExclusive)} THEN ${FREE_PAST_FIRST} OR ${IS_MINE} OR NOT ${WRITER_WAITS_HERE}
    WHEN ${is(CODE.waitShared)} THEN ${FREE_FOR_READER} OR NOT ${READER_WAITS_HERE}
    WHEN ${is(CODE.insistShared)} THEN ${IS_UNOWNED} OR NOT ${READER_WAITS_HERE}
    WHEN ${is(CODE.queue)} THEN NOT ${IS_MINE} AND NOT ${WRITER_WAITS_HERE}
    WHEN ${is(CODE.join)} THEN ${READS} AND ${NO_WRITER_WAITS}
    WHEN ${is(CODE.rejoin, CODE.releaseShared)} THEN ${READS}
    WHEN ${is(CODE.setIntent)} THEN ${READS} AND NOT ${WRITER_WAITS_HERE}
    WHEN ${is(CODE.leave, CODE.clearIntent, CODE.drop, CODE.look)} THEN true
    ELSE false END`

const WAITS = `(${WRITER_WAITS_HERE} OR ${READER_WAITS_HERE})`

const FLAGS = `
    CASE WHEN l.owner {=} $4::bigint THEN ${FLAG.owns} ELSE 0 END
      {+} CASE WHEN ${READS} THEN ${FLAG.reads} ELSE 0 END
      {+} CASE WHEN ${WAITS} THEN ${FLAG.waits} ELSE 0 END
      {+} CASE WHEN ${IS_AWAITED} OR ${RELEASES} AND l.owner {<>} $4::bigint THEN ${FLAG.isAwaited} ELSE 0 END
      {+} CASE WHEN ${IS_UNOWNED} THEN ${FLAG.isFree} ELSE 0 END`

/**
 * A new row is free. A row that exists after all is not returned; the operation is then repeated as one on a known row.
 */
const MADE = `
made AS (
  INSERT INTO lockpool.lease AS l (generation, key, owner, readers, waiters, token)
  SELECT
    gate.generation,
    o.k,
    CASE WHEN ${is(CODE.newExclusive)} THEN $4::bigint END,
    CASE WHEN ${is(CODE.newShared)} THEN ARRAY[$4::bigint] END,
    CASE WHEN ${is(CODE.newQueue)} THEN ARRAY[$4::bigint] END,
    gate.floor {+} ${TOKEN_STEP}
  FROM o CROSS JOIN gate
  WHERE o.c {>} 20
  ON CONFLICT (generation, key) DO NOTHING
  RETURNING l.key, l.token
)`

/**
 * A member listens on its own channel, which ends in its id. PostgreSQL wakes the listening session at every
 * notification in its database, but sends only those of its channels to the client.
 */
export const MEMBER_CHANNEL = 'lockpool_member_'

/**
 * The payload is the key. If the member was given the lock, the token follows, and a proof that the sender may read the
 * member's secret.
 */
const notify = (member: string, payload: string): string =>
  `pg_catalog.pg_notify(pg_catalog.concat('${MEMBER_CHANNEL}', pg_catalog.abs(${member})), pg_catalog.concat(${payload}))`

/** See `isProof`. */
const PROOF = `(
      SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
        pg_catalog.concat_ws(' ', next.secret, u.key, u.token), 'UTF8')), 'hex')
      FROM lockpool.member AS next WHERE next.id {=} u.owner)`

/**
 * Names the changed rows `u`, and in `rung` sends their notifications: to the owner that was given a row, or to waiters
 * that may now come. Readers are notified together, a writer alone.
 */
export function withNotifications(update: string): string {
  return own(`
u AS (${update}
), rung AS (
  SELECT pg_catalog.count(CASE WHEN u.owner IS NOT NULL
    THEN ${notify('u.owner', `u.key, ' ', u.token, ' ', ${PROOF}`)}
    ELSE ${notify('w.id', 'u.key')} END) AS n
  FROM u
  CROSS JOIN LATERAL pg_catalog.unnest(CASE WHEN u.owner IS NOT NULL THEN ARRAY[u.owner]
    WHEN u.waiters[1] {>} 0 THEN u.waiters[1:1] ELSE u.waiters[1:8] END) AS w (id)
  WHERE u.gives AND (u.owner IS NOT NULL OR u.waiters[1] {>} 0 OR w.id {<} 0)
)`)
}

const ANSWER = `
SELECT
  (SELECT gate.floor::pg_catalog.text FROM gate) AS floor,
  (SELECT pg_catalog.string_agg(pg_catalog.concat(made.key, ':', made.token), ' ') FROM made) AS made,
  (SELECT pg_catalog.string_agg(pg_catalog.concat(u.i, ':', u.flags, ':', u.token, ':', u.others), ' ') FROM u) AS done,
  (SELECT rung.n FROM rung) AS rung`

/** Any operations. */
export const BATCH: string = own(`
WITH ${GATE}, ${OPERATIONS}, ${MADE}, ${withNotifications(`
  UPDATE lockpool.lease AS l SET ${CHANGES}
  FROM o
  WHERE l.generation {=} o.generation AND l.key {=} o.k AND ${IS_CHANGED}
  RETURNING o.i, ${FLAGS} AS flags, l.token, l.key, CASE WHEN l.owner {<>} $4::bigint THEN l.owner END AS owner, l.waiters, ${RELEASES} AS gives,
    CASE WHEN ${WAITS} THEN pg_catalog.cardinality(${OTHERS}) END AS others`)}
${ANSWER}`)

/**
 * Calls the same statement through the function that `lockpool install --backend table`, or a pool that may, creates.
 */
export const CALL_BATCH = `SELECT * FROM lockpool.table_batch_5($1, $2, $3, $4, $5, $6, $7)`
