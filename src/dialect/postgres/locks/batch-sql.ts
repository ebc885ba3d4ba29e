import { BUCKET_CLASS, INTEREST_CLASS, LINE_CLASS, WRITER_CHECK_CLASS, WRITER_CLASS } from '../keys/key.js'

/**
 * The statements of batches.
 *
 * CASE is used for order: PostgreSQL evaluates its conditions one after the other and no further than needed, which AND
 * does not promise. A function in a condition is there for what it does; where its result does not matter, IS NULL turns
 * it into a condition that is never true.
 *
 * Nothing is unlocked that is not held, and but for the locks themselves nothing is locked twice: the server would write a
 * warning into its log, or count. So the session knows what it holds (`RegistrationBook`), and a row asks for just that.
 */

/** Codes of rows in the batch, as the SQL below knows them. Most operations are one row. */
export const CODE = {
  tryExclusive: 1,
  releaseExclusive: 2,
  tryShared: 3,
  releaseShared: 4,
  joinShared: 5,
  /** Sets interest first, and drops it again if the key is granted. */
  waitExclusive: 6,
  waitShared: 7,
  /** Interest is set, and is dropped if the key is granted. */
  retryExclusive: 8,
  retryShared: 9,
  pollShared: 10,
  couldBeShared: 11,
  couldBeExclusive: 12,
  yieldExclusive: 13,
  /** Whether anybody is interested in any key of a bucket: asked once per bucket, after all releases. */
  lookIntoBucket: 14,
  setIntent: 15,
  dropMark: 16,
  queueExclusive: 17,
  /** Whether anybody is interested in a key with this hash: asked after all releases. */
  lookForInterest: 18,
  /** As `retryExclusive`; the mark is set, and is dropped as well. */
  retryMarked: 19,
  /** As `waitShared`, without giving way to a writer. */
  insistShared: 20,
  enterBucket: 21,
  dropInterest: 22,
  /** A reader who need not give way, and whose interest is somebody else's too. */
  takeShared: 23,
  /** As `yieldExclusive`, and enters the bucket if it gives way. */
  yieldAndEnter: 24,
  /** Nothing is to be done, and somebody may have to be woken. */
  nothing: 25,
  /** As `joinShared`, without giving way to a writer: nothing but a token. */
  rejoinShared: 26,
  /** From shared to exclusive. */
  upgrade: 27,
  /** As `upgrade`; the mark is set, and is dropped as well if the key is granted. */
  upgradeMarked: 28,
  /** From exclusive to shared. */
  downgrade: 29,
} as const

/** What the statements say besides the answers of `SAID`: the same, and the mark of a waiting writer is this session's now. */
export const MARKED = { waiting: 'W', no: 'N', done: 'D' } as const

/** The hashes of the key of row i. Plain rows need none, so they are not a column of the batch. */
const HASH = `(($4::int8[])[i::int4] >> 32)::int4`
const CHECK = `((($4::int8[])[i::int4] << 32) >> 32)::int4`

/** Two locks, so that the mark is about one key alone. The second only with the first. */
const setMark = (hash: string, check: string, no: string, marked: string): string => `
          WHEN NOT pg_try_advisory_lock(${WRITER_CLASS}, ${hash}) THEN '${no}'
          WHEN pg_try_advisory_lock(${WRITER_CHECK_CLASS}, ${check}) THEN '${marked}'
          WHEN pg_advisory_unlock(${WRITER_CLASS}, ${hash}) THEN '${no}'
          ELSE '${no}'`

/**
 * Whether a writer elsewhere waits for this very key. The mark is exclusive, so that readers who look for it do not
 * disturb one another.
 */
const IS_MARKED = `CASE
          WHEN pg_try_advisory_lock_shared(${WRITER_CLASS}, ${HASH})
            THEN NOT pg_advisory_unlock_shared(${WRITER_CLASS}, ${HASH})
          WHEN pg_try_advisory_lock_shared(${WRITER_CHECK_CLASS}, ${CHECK})
            THEN NOT pg_advisory_unlock_shared(${WRITER_CHECK_CLASS}, ${CHECK})
          ELSE true END`

/**
 * A batch of one first attempt in exclusive mode: what a caller who has the pool to himself sends. The answer is the
 * token, or `g` if there are none, or `n`. Without the machinery of lists it takes a sixth off the round trip (measured).
 */
export const TRY_ONE = `
SELECT
  CASE
    WHEN NOT pg_try_advisory_lock($1::int8) THEN 'n'
    WHEN $2::regclass IS NULL THEN 'g'
    ELSE nextval($2::regclass)::text
  END AS said`

/** What is left to do for one attempt that is granted. */
const DROP_INTEREST_OF_ONE = `
    WHEN pg_advisory_unlock_shared(${INTEREST_CLASS}, $2::int4) IS NULL THEN 'g'
    WHEN $4::regclass IS NULL THEN 'g'
    ELSE nextval($4::regclass)::text
  END AS said`

/**
 * A batch of one attempt in exclusive mode by a session that is interested: what stands between a release and the next
 * holder. `$2` and `$3` are the hashes of the key.
 */
export const RETRY_ONE: string = `
SELECT
  CASE
    WHEN NOT pg_try_advisory_lock($1::int8) THEN CASE ${setMark('$2::int4', '$3::int4', 'n', MARKED.no)} END
    ${DROP_INTEREST_OF_ONE}`

/** As RETRY_ONE, with the mark set. */
export const RETRY_ONE_MARKED: string = `
SELECT
  CASE
    WHEN NOT pg_try_advisory_lock($1::int8) THEN 'n'
    WHEN pg_advisory_unlock(${WRITER_CLASS}, $2::int4) IS NULL THEN 'g'
    WHEN pg_advisory_unlock(${WRITER_CHECK_CLASS}, $3::int4) IS NULL THEN 'g'
    ${DROP_INTEREST_OF_ONE}`

/** A batch of one release in exclusive mode. It looks for interest in the very key, rather than in its bucket. */
export const RELEASE_ONE: string = `
SELECT
  CASE
    WHEN NOT pg_advisory_unlock($1::int8) THEN 'n'
    WHEN NOT pg_try_advisory_lock(${INTEREST_CLASS}, $2::int4) THEN 'r'
    WHEN pg_advisory_unlock(${INTEREST_CLASS}, $2::int4) THEN 'd'
    ELSE 'r'
  END AS said`

/** Nobody but a session that is interested locks a hash, or a bucket, for longer than such a look. */
const LOOKS = `
      WHEN ${CODE.lookForInterest} THEN CASE
        WHEN NOT pg_try_advisory_lock(${INTEREST_CLASS}, k::int4) THEN 'r'
        WHEN pg_advisory_unlock(${INTEREST_CLASS}, k::int4) THEN 'd'
        ELSE 'r' END
      WHEN ${CODE.lookIntoBucket} THEN CASE
        WHEN NOT pg_try_advisory_lock(${BUCKET_CLASS}, k::int4) THEN 'r'
        WHEN pg_advisory_unlock(${BUCKET_CLASS}, k::int4) THEN 'd'
        ELSE 'r' END`

const FROM_ROWS = `
    END, '') AS answers,
  CASE
    WHEN $3::regclass IS NOT NULL THEN nextval($3::regclass)
  END AS token,
  pg_backend_pid() AS pid
FROM unnest($2::int8[]) WITH ORDINALITY AS batch (k, i)`

/** First attempts and releases in exclusive mode, which is what most batches are. */
const plainRows = (key: string): string => `
SELECT
  string_agg(
    CASE get_byte($1::bytea, (i - 1)::int4)
      WHEN ${CODE.tryExclusive} THEN CASE
        WHEN pg_try_advisory_lock(${key}) THEN 'g'
        ELSE 'n' END
      WHEN ${CODE.releaseExclusive} THEN CASE
        WHEN pg_advisory_unlock(${key}) THEN 'd'
        ELSE 'n' END${LOOKS}`

/** The same in shared mode. */
const sharedRows = (key: string): string => `
      WHEN ${CODE.tryShared} THEN CASE
        WHEN ${IS_MARKED} THEN 'n'
        WHEN pg_try_advisory_lock_shared(${key}) THEN 'g'
        ELSE 'n' END
      WHEN ${CODE.releaseShared} THEN CASE
        WHEN pg_advisory_unlock_shared(${key}) THEN 'd'
        ELSE 'n' END`

/**
 * Batches of nothing but first attempts and releases, in exclusive mode, or in any. The same as the full one; on their own,
 * because starting that takes the server a tenth of a millisecond for all its branches (measured).
 */
export const PLAIN_BATCH: string = `${plainRows('k')}${FROM_ROWS}`

export const SHARED_BATCH: string = `${plainRows('k')}${sharedRows('k')}${FROM_ROWS}`

/** What follows a refused attempt to set interest: the key itself may be free. */
const withoutInterest = (tryKey: string): string => `CASE WHEN ${tryKey} THEN 'g' ELSE 'c' END`

const SET_INTEREST = `pg_try_advisory_lock_shared(${INTEREST_CLASS}, ${HASH})`

const DROP_INTEREST = `
        WHEN pg_advisory_unlock_shared(${INTEREST_CLASS}, ${HASH}) THEN 'g'
        ELSE 'g' END`

/**
 * Nobody else is interested, and nobody stands in line: the key is kept. Else interest is set, if somebody is and if it can
 * be, and the key given up in any case.
 */
const yieldTo = (giveUp: string, enters: boolean): string => `CASE
        WHEN pg_try_advisory_lock(${INTEREST_CLASS}, ${HASH}) THEN CASE
          WHEN pg_advisory_unlock(${INTEREST_CLASS}, ${HASH}) IS NULL THEN 'g'
          WHEN NOT pg_try_advisory_lock(${LINE_CLASS}, ${HASH}) THEN CASE WHEN ${giveUp} THEN 'd' ELSE 'n' END
          WHEN pg_advisory_unlock(${LINE_CLASS}, ${HASH}) THEN 'g'
          ELSE 'g' END
        WHEN NOT ${SET_INTEREST} THEN CASE WHEN ${giveUp} THEN 'c' ELSE 'n' END
        ${
          enters
            ? `WHEN NOT pg_try_advisory_lock_shared(${BUCKET_CLASS}, ${HASH} & 31) THEN CASE
          WHEN pg_advisory_unlock_shared(${INTEREST_CLASS}, ${HASH}) IS NULL THEN 'n'
          WHEN ${giveUp} THEN 'c'
          ELSE 'n' END`
            : ''
        }
        WHEN ${giveUp} THEN 'w'
        WHEN pg_advisory_unlock_shared(${INTEREST_CLASS}, ${HASH}) IS NULL THEN 'n'
        ${enters ? `WHEN pg_advisory_unlock_shared(${BUCKET_CLASS}, ${HASH} & 31) IS NULL THEN 'n'` : ''}
        ELSE 'n' END`

const DROP_MARK = `CASE
          WHEN pg_advisory_unlock(${WRITER_CLASS}, ${HASH}) IS NULL THEN 'g'
          WHEN pg_advisory_unlock(${WRITER_CHECK_CLASS}, ${CHECK}) IS NULL THEN 'g'
          ELSE 'g' END`

/** The new lock before the old one goes. What was not there to go has been unlocked by others: then nothing is gained. */
const upgrade = (key: string, granted: string): string => `CASE
        WHEN NOT pg_try_advisory_lock(${key}) THEN 'n'
        WHEN pg_advisory_unlock_shared(${key}) THEN ${granted}
        WHEN pg_advisory_unlock(${key}) THEN 'n'
        ELSE 'n' END`

/**
 * Up to PostgreSQL 16 the attempt is refused if another session waits for the key, although this one has it. Then the
 * lock that waits is granted without a wait.
 */
const downgrade = (key: string): string => `CASE
        WHEN pg_try_advisory_lock_shared(${key}) THEN CASE
          WHEN pg_advisory_unlock(${key}) THEN 'g'
          WHEN pg_advisory_unlock_shared(${key}) THEN 'n'
          ELSE 'n' END
        WHEN pg_advisory_lock_shared(${key}) IS NULL THEN 'n'
        WHEN pg_advisory_unlock(${key}) THEN 'g'
        WHEN pg_advisory_unlock_shared(${key}) THEN 'n'
        ELSE 'n' END`

/**
 * One batch: a character per row, each answering for itself, in order. `$1` has a byte for each row, its code; `$2` the
 * keys; `$3` is the sequence of the fence, or null if nothing can be granted; `$4` the two hashes of each key. The lists
 * are sent in binary: a sixth off the server's work, and half of the bytes (measured).
 *
 * - The token is drawn when the aggregate is complete, that is after the last row; the lock layer says why that is the
 *   right moment. One per grant would cost more than the grants (measured), and a disk flush per batch.
 * - Interest in a key is a shared lock on its hash, and on the bucket of that, of which a session enters each once and
 *   leaves it some time after it was last needed.
 * - Where interest can't be set, the key is tried all the same: what others do to our marks must not keep it from anybody.
 *
 * `key` is how the lock functions are to be given the key: as one bigint, or as two integers.
 */
const batch = (key: string): string => `${plainRows(key)}${sharedRows(key)}
      WHEN ${CODE.joinShared} THEN CASE
        WHEN ${IS_MARKED} THEN 'n'
        ELSE 'g' END
      WHEN ${CODE.waitExclusive} THEN CASE
        WHEN NOT ${SET_INTEREST} THEN ${withoutInterest(`pg_try_advisory_lock(${key})`)}
        WHEN NOT pg_try_advisory_lock(${key}) THEN CASE ${setMark(HASH, CHECK, 'w', MARKED.waiting)} END
        ${DROP_INTEREST}
      WHEN ${CODE.waitShared} THEN CASE
        WHEN NOT ${SET_INTEREST} THEN ${withoutInterest(`pg_try_advisory_lock_shared(${key})`)}
        WHEN ${IS_MARKED} THEN 'w'
        WHEN NOT pg_try_advisory_lock_shared(${key}) THEN 'w'
        ${DROP_INTEREST}
      WHEN ${CODE.insistShared} THEN CASE
        WHEN NOT ${SET_INTEREST} THEN ${withoutInterest(`pg_try_advisory_lock_shared(${key})`)}
        WHEN NOT pg_try_advisory_lock_shared(${key}) THEN 'w'
        ${DROP_INTEREST}
      WHEN ${CODE.retryExclusive} THEN CASE
        WHEN NOT pg_try_advisory_lock(${key}) THEN CASE ${setMark(HASH, CHECK, 'n', MARKED.no)} END
        ${DROP_INTEREST}
      WHEN ${CODE.retryMarked} THEN CASE
        WHEN NOT pg_try_advisory_lock(${key}) THEN 'n'
        WHEN pg_advisory_unlock(${WRITER_CLASS}, ${HASH}) IS NULL THEN 'g'
        WHEN pg_advisory_unlock(${WRITER_CHECK_CLASS}, ${CHECK}) IS NULL THEN 'g'
        ${DROP_INTEREST}
      WHEN ${CODE.retryShared} THEN CASE
        WHEN NOT pg_try_advisory_lock_shared(${key}) THEN 'n'
        ${DROP_INTEREST}
      WHEN ${CODE.pollShared} THEN CASE
        WHEN ${IS_MARKED} THEN 'n'
        WHEN NOT pg_try_advisory_lock_shared(${key}) THEN 'n'
        ${DROP_INTEREST}
      WHEN ${CODE.takeShared} THEN CASE
        WHEN pg_try_advisory_lock_shared(${key}) THEN 'g'
        ELSE 'n' END
      WHEN ${CODE.couldBeShared} THEN CASE
        WHEN NOT pg_try_advisory_lock_shared(${key}) THEN 'd'
        WHEN pg_advisory_unlock_shared(${key}) THEN 'r'
        ELSE 'r' END
      WHEN ${CODE.couldBeExclusive} THEN CASE
        WHEN NOT pg_try_advisory_lock(${key}) THEN 'd'
        WHEN pg_advisory_unlock(${key}) THEN 'r'
        ELSE 'r' END
      WHEN ${CODE.yieldExclusive} THEN ${yieldTo(`pg_advisory_unlock(${key})`, false)}
      WHEN ${CODE.yieldAndEnter} THEN ${yieldTo(`pg_advisory_unlock(${key})`, true)}
      WHEN ${CODE.setIntent} THEN CASE ${setMark(HASH, CHECK, 'd', MARKED.done)} END
      WHEN ${CODE.dropMark} THEN CASE
        WHEN pg_advisory_unlock(${WRITER_CLASS}, ${HASH}) IS NULL THEN 'r'
        WHEN pg_advisory_unlock(${WRITER_CHECK_CLASS}, ${CHECK}) THEN 'r'
        ELSE 'r' END
      WHEN ${CODE.queueExclusive} THEN CASE
        WHEN ${SET_INTEREST} THEN 'w'
        ELSE 'c' END
      WHEN ${CODE.enterBucket} THEN CASE
        WHEN pg_try_advisory_lock_shared(${BUCKET_CLASS}, k::int4) THEN 'd'
        ELSE 'c' END
      WHEN ${CODE.dropInterest} THEN CASE
        WHEN pg_advisory_unlock_shared(${INTEREST_CLASS}, ${HASH}) THEN 'd'
        ELSE 'd' END
      WHEN ${CODE.nothing} THEN 'r'
      WHEN ${CODE.rejoinShared} THEN 'g'
      WHEN ${CODE.upgrade} THEN ${upgrade(key, "'g'")}
      WHEN ${CODE.upgradeMarked} THEN ${upgrade(key, DROP_MARK)}
      WHEN ${CODE.downgrade} THEN ${downgrade(key)}${FROM_ROWS}`

export const BATCH: string = batch('k')

export const PAIR_BATCH: string = batch('(k >> 32)::int4, ((k << 32) >> 32)::int4')

/** Interest that nobody needs any more, and buckets that nobody has needed for a while: the class and the number of each. */
export const DROP_STALE = `
SELECT pg_advisory_unlock_shared(class, number)
FROM unnest($1::int4[], $2::int4[]) AS stale (class, number)
WHERE pg_backend_pid() = $3`
