import {
  BUCKET_CLASS,
  REGISTRATION_CLASS,
  SERVER_QUEUE_CLASS,
  WRITER_CHECK_CLASS,
  WRITER_CLASS,
} from '../keys/key.js'

/**
 * The statements of batches.
 *
 * CASE determines the order: PostgreSQL evaluates its conditions one after the other, and stops at the first that is
 * true. AND promises no order. Functions in conditions are called for their effect. Where the result does not matter,
 * IS NULL makes the condition false.
 *
 * A statement never unlocks what is not held, because the server would log a warning. Except for the locks themselves
 * it locks nothing twice, because the server would count. So the session records what it holds (`RegistrationBook`),
 * and each row contains exactly the necessary steps.
 */

/** The codes of rows in a batch, as the SQL below uses them. Most operations are one row. */
export const CODE = {
  tryExclusive: 1,
  releaseExclusive: 2,
  tryShared: 3,
  releaseShared: 4,
  joinShared: 5,
  /** Sets the registration first, and drops it if the key is granted. */
  waitExclusive: 6,
  waitShared: 7,
  /** The registration is set already, and is dropped if the key is granted. */
  retryExclusive: 8,
  retryShared: 9,
  pollShared: 10,
  couldBeShared: 11,
  couldBeExclusive: 12,
  yieldExclusive: 13,
  /** Checks for registrations in a bucket: once per bucket, after all releases. */
  lookIntoBucket: 14,
  setIntent: 15,
  dropIntent: 16,
  queueExclusive: 17,
  /** Checks for registrations with this hash: after all releases. */
  checkRegistrations: 18,
  /** Like `retryExclusive`. The intent lock is held, and is dropped too. */
  retryWithIntent: 19,
  /** Like `waitShared`, without yielding to a writer. */
  insistShared: 20,
  enterBucket: 21,
  dropRegistration: 22,
  /** For a reader that need not yield, and whose registration also serves another key. */
  takeShared: 23,
  /** Like `yieldExclusive`; also enters the bucket if it yields. */
  yieldAndEnter: 24,
  /** Changes nothing; some process may have to be woken. */
  nothing: 25,
  /** Like `joinShared`, without yielding to a writer: it only draws a token. */
  rejoinShared: 26,
  /** Converts a lock from shared to exclusive. */
  upgrade: 27,
  /** Like `upgrade`. The intent lock is held, and is dropped if the key is granted. */
  upgradeWithIntent: 28,
  /** Converts a lock from exclusive to shared. */
  downgrade: 29,
} as const

/**
 * Answers in addition to those of `SAID`. Each means the same as its counterpart there, and that this session now has
 * the intent lock.
 */
export const INTENT_SET = { waiting: 'W', no: 'N', done: 'D' } as const

/** The hashes of the key of row i. Plain rows need none, so they are not a column of the batch. */
const HASH = `(($4::int8[])[i::int4] >> 32)::int4`
const CHECK = `((($4::int8[])[i::int4] << 32) >> 32)::int4`

/**
 * The intent lock consists of two locks, so that it concerns exactly one key. The second is taken only after the first.
 */
const setIntentLock = (hash: string, check: string, no: string, done: string): string => `
          WHEN NOT pg_try_advisory_lock(${WRITER_CLASS}, ${hash}) THEN '${no}'
          WHEN pg_try_advisory_lock(${WRITER_CHECK_CLASS}, ${check}) THEN '${done}'
          WHEN pg_advisory_unlock(${WRITER_CLASS}, ${hash}) THEN '${no}'
          ELSE '${no}'`

/**
 * Whether a writer in another session waits for exactly this key. The intent lock is exclusive, so readers that check
 * for it do not disturb each other.
 */
const HAS_INTENT = `CASE
          WHEN pg_try_advisory_lock_shared(${WRITER_CLASS}, ${HASH})
            THEN NOT pg_advisory_unlock_shared(${WRITER_CLASS}, ${HASH})
          WHEN pg_try_advisory_lock_shared(${WRITER_CHECK_CLASS}, ${CHECK})
            THEN NOT pg_advisory_unlock_shared(${WRITER_CHECK_CLASS}, ${CHECK})
          ELSE true END`

/**
 * A batch of one first attempt in exclusive mode, which is what a pool with a single caller sends. The answer is the
 * token, or `g` if there are no tokens, or `n` for a refusal. Without lists the round trip is a sixth shorter
 * (measured).
 */
export const TRY_ONE = `
SELECT
  CASE
    WHEN NOT pg_try_advisory_lock($1::int8) THEN 'n'
    WHEN $2::regclass IS NULL THEN 'g'
    ELSE nextval($2::regclass)::text
  END AS said`

/** The rest of the statement once a single attempt is granted. */
const DROP_REGISTRATION_OF_ONE = `
    WHEN pg_advisory_unlock_shared(${REGISTRATION_CLASS}, $2::int4) IS NULL THEN 'g'
    WHEN $4::regclass IS NULL THEN 'g'
    ELSE nextval($4::regclass)::text
  END AS said`

/**
 * A batch of one attempt in exclusive mode by a session that has a registration: this statement is on the path from a
 * release to the next holder. `$2` and `$3` are the hashes of the key.
 */
export const RETRY_ONE: string = `
SELECT
  CASE
    WHEN NOT pg_try_advisory_lock($1::int8) THEN CASE ${setIntentLock('$2::int4', '$3::int4', 'n', INTENT_SET.no)} END
    ${DROP_REGISTRATION_OF_ONE}`

/** Like RETRY_ONE, with the intent lock held. */
export const RETRY_ONE_WITH_INTENT: string = `
SELECT
  CASE
    WHEN NOT pg_try_advisory_lock($1::int8) THEN 'n'
    WHEN pg_advisory_unlock(${WRITER_CLASS}, $2::int4) IS NULL THEN 'g'
    WHEN pg_advisory_unlock(${WRITER_CHECK_CLASS}, $3::int4) IS NULL THEN 'g'
    ${DROP_REGISTRATION_OF_ONE}`

/** A batch of one release in exclusive mode. It checks for registrations of the exact key rather than of its bucket. */
export const RELEASE_ONE: string = `
SELECT
  CASE
    WHEN NOT pg_advisory_unlock($1::int8) THEN 'n'
    WHEN NOT pg_try_advisory_lock(${REGISTRATION_CLASS}, $2::int4) THEN 'r'
    WHEN pg_advisory_unlock(${REGISTRATION_CLASS}, $2::int4) THEN 'd'
    ELSE 'r'
  END AS said`

/** Only sessions with a registration lock a hash or a bucket for longer than such a check takes. */
const LOOKS = `
      WHEN ${CODE.checkRegistrations} THEN CASE
        WHEN NOT pg_try_advisory_lock(${REGISTRATION_CLASS}, k::int4) THEN 'r'
        WHEN pg_advisory_unlock(${REGISTRATION_CLASS}, k::int4) THEN 'd'
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

/** First attempts and releases in exclusive mode: most batches contain nothing else. */
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
        WHEN ${HAS_INTENT} THEN 'n'
        WHEN pg_try_advisory_lock_shared(${key}) THEN 'g'
        ELSE 'n' END
      WHEN ${CODE.releaseShared} THEN CASE
        WHEN pg_advisory_unlock_shared(${key}) THEN 'd'
        ELSE 'n' END`

/**
 * Batches that contain only first attempts and releases, in exclusive mode or in any mode. The full statement could run
 * them too, but the server needs a tenth of a millisecond to start it because of its many branches (measured).
 */
export const PLAIN_BATCH: string = `${plainRows('k')}${FROM_ROWS}`

export const SHARED_BATCH: string = `${plainRows('k')}${sharedRows('k')}${FROM_ROWS}`

/** The answer if the registration could not be set. The key itself may be free. */
const withoutRegistration = (tryKey: string): string => `CASE WHEN ${tryKey} THEN 'g' ELSE 'c' END`

const SET_REGISTRATION = `pg_try_advisory_lock_shared(${REGISTRATION_CLASS}, ${HASH})`

const DROP_REGISTRATION = `
        WHEN pg_advisory_unlock_shared(${REGISTRATION_CLASS}, ${HASH}) THEN 'g'
        ELSE 'g' END`

/**
 * Keeps the key if no other process has a registration or is in the server queue. Otherwise sets a registration, if one
 * can be set and another process has one, and releases the key in any case.
 */
const yieldTo = (giveUp: string, enters: boolean): string => `CASE
        WHEN pg_try_advisory_lock(${REGISTRATION_CLASS}, ${HASH}) THEN CASE
          WHEN pg_advisory_unlock(${REGISTRATION_CLASS}, ${HASH}) IS NULL THEN 'g'
          WHEN NOT pg_try_advisory_lock(${SERVER_QUEUE_CLASS}, ${HASH}) THEN CASE WHEN ${giveUp} THEN 'd' ELSE 'n' END
          WHEN pg_advisory_unlock(${SERVER_QUEUE_CLASS}, ${HASH}) THEN 'g'
          ELSE 'g' END
        WHEN NOT ${SET_REGISTRATION} THEN CASE WHEN ${giveUp} THEN 'c' ELSE 'n' END
        ${
          enters
            ? `WHEN NOT pg_try_advisory_lock_shared(${BUCKET_CLASS}, ${HASH} & 31) THEN CASE
          WHEN pg_advisory_unlock_shared(${REGISTRATION_CLASS}, ${HASH}) IS NULL THEN 'n'
          WHEN ${giveUp} THEN 'c'
          ELSE 'n' END`
            : ''
        }
        WHEN ${giveUp} THEN 'w'
        WHEN pg_advisory_unlock_shared(${REGISTRATION_CLASS}, ${HASH}) IS NULL THEN 'n'
        ${enters ? `WHEN pg_advisory_unlock_shared(${BUCKET_CLASS}, ${HASH} & 31) IS NULL THEN 'n'` : ''}
        ELSE 'n' END`

const DROP_INTENT = `CASE
          WHEN pg_advisory_unlock(${WRITER_CLASS}, ${HASH}) IS NULL THEN 'g'
          WHEN pg_advisory_unlock(${WRITER_CHECK_CLASS}, ${CHECK}) IS NULL THEN 'g'
          ELSE 'g' END`

/**
 * Takes the new lock before dropping the old one. If the old one was not held, other code has unlocked it, and the
 * upgrade fails.
 */
const upgrade = (key: string, granted: string): string => `CASE
        WHEN NOT pg_try_advisory_lock(${key}) THEN 'n'
        WHEN pg_advisory_unlock_shared(${key}) THEN ${granted}
        WHEN pg_advisory_unlock(${key}) THEN 'n'
        ELSE 'n' END`

/**
 * Up to PostgreSQL 16, the attempt is refused if another session waits for the key, although this session has it. In
 * that case the function that waits grants the lock without waiting.
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
 * One batch. The answer has one character per row, in order. `$1` has the code of each row as a byte; `$2` has the
 * keys; `$3` is the sequence of tokens, or null if nothing can be granted; `$4` has the two hashes of each key. The
 * lists are sent in binary, which takes a sixth off the server's work and half of the bytes (measured).
 *
 * - The token is drawn when the aggregate is complete, which is after the last row; the lock layer explains why that is
 *   the right moment. One token per grant would cost more than the grants (measured), and a disk flush per batch.
 * - A waiter registration is a shared lock on the hash of the key, and one on the bucket of that hash. A session enters
 *   each bucket once, and leaves it some time after its last use.
 * - If a registration can't be set, the key is still tried: locks that others take on our internal keys must not keep a
 *   key from its callers.
 *
 * `key` is the argument list of the lock functions: one bigint, or two integers.
 */
const batch = (key: string): string => `${plainRows(key)}${sharedRows(key)}
      WHEN ${CODE.joinShared} THEN CASE
        WHEN ${HAS_INTENT} THEN 'n'
        ELSE 'g' END
      WHEN ${CODE.waitExclusive} THEN CASE
        WHEN NOT ${SET_REGISTRATION} THEN ${withoutRegistration(`pg_try_advisory_lock(${key})`)}
        WHEN NOT pg_try_advisory_lock(${key}) THEN CASE ${setIntentLock(HASH, CHECK, 'w', INTENT_SET.waiting)} END
        ${DROP_REGISTRATION}
      WHEN ${CODE.waitShared} THEN CASE
        WHEN NOT ${SET_REGISTRATION} THEN ${withoutRegistration(`pg_try_advisory_lock_shared(${key})`)}
        WHEN ${HAS_INTENT} THEN 'w'
        WHEN NOT pg_try_advisory_lock_shared(${key}) THEN 'w'
        ${DROP_REGISTRATION}
      WHEN ${CODE.insistShared} THEN CASE
        WHEN NOT ${SET_REGISTRATION} THEN ${withoutRegistration(`pg_try_advisory_lock_shared(${key})`)}
        WHEN NOT pg_try_advisory_lock_shared(${key}) THEN 'w'
        ${DROP_REGISTRATION}
      WHEN ${CODE.retryExclusive} THEN CASE
        WHEN NOT pg_try_advisory_lock(${key}) THEN CASE ${setIntentLock(HASH, CHECK, 'n', INTENT_SET.no)} END
        ${DROP_REGISTRATION}
      WHEN ${CODE.retryWithIntent} THEN CASE
        WHEN NOT pg_try_advisory_lock(${key}) THEN 'n'
        WHEN pg_advisory_unlock(${WRITER_CLASS}, ${HASH}) IS NULL THEN 'g'
        WHEN pg_advisory_unlock(${WRITER_CHECK_CLASS}, ${CHECK}) IS NULL THEN 'g'
        ${DROP_REGISTRATION}
      WHEN ${CODE.retryShared} THEN CASE
        WHEN NOT pg_try_advisory_lock_shared(${key}) THEN 'n'
        ${DROP_REGISTRATION}
      WHEN ${CODE.pollShared} THEN CASE
        WHEN ${HAS_INTENT} THEN 'n'
        WHEN NOT pg_try_advisory_lock_shared(${key}) THEN 'n'
        ${DROP_REGISTRATION}
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
      WHEN ${CODE.setIntent} THEN CASE ${setIntentLock(HASH, CHECK, 'd', INTENT_SET.done)} END
      WHEN ${CODE.dropIntent} THEN CASE
        WHEN pg_advisory_unlock(${WRITER_CLASS}, ${HASH}) IS NULL THEN 'r'
        WHEN pg_advisory_unlock(${WRITER_CHECK_CLASS}, ${CHECK}) THEN 'r'
        ELSE 'r' END
      WHEN ${CODE.queueExclusive} THEN CASE
        WHEN ${SET_REGISTRATION} THEN 'w'
        ELSE 'c' END
      WHEN ${CODE.enterBucket} THEN CASE
        WHEN pg_try_advisory_lock_shared(${BUCKET_CLASS}, k::int4) THEN 'd'
        ELSE 'c' END
      WHEN ${CODE.dropRegistration} THEN CASE
        WHEN pg_advisory_unlock_shared(${REGISTRATION_CLASS}, ${HASH}) THEN 'd'
        ELSE 'd' END
      WHEN ${CODE.nothing} THEN 'r'
      WHEN ${CODE.rejoinShared} THEN 'g'
      WHEN ${CODE.upgrade} THEN ${upgrade(key, "'g'")}
      WHEN ${CODE.upgradeWithIntent} THEN ${upgrade(key, DROP_INTENT)}
      WHEN ${CODE.downgrade} THEN ${downgrade(key)}${FROM_ROWS}`

export const BATCH: string = batch('k')

export const PAIR_BATCH: string = batch('(k >> 32)::int4, ((k << 32) >> 32)::int4')

/** Drops registrations and buckets that are no longer needed: the class and the number of each. */
export const DROP_STALE = `
SELECT pg_advisory_unlock_shared(class, number)
FROM unnest($1::int4[], $2::int4[]) AS stale (class, number)
WHERE pg_backend_pid() = $3`
