import { TOKEN_STEP } from '../../lock-operation.js'
import { CODE, FLAG } from '../../rows/operations.js'

/**
 * Batches of operations on rows with leases, as procedures. In MariaDB and MySQL, only a procedure makes a whole batch
 * one round trip and one transaction, without further privileges for the program's connections. The answer is the last
 * statement, after COMMIT, so a transaction that is undone at COMMIT never sends an answer.
 *
 * Keys are sorted, so two batches can't deadlock. A list of members is a text of numbers between spaces.
 */

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin'
const JSON_TEXT = 'LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin'

/** The beginning of each procedure, after its own variables. An error undoes everything. */
const BEGIN = `
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    SET SESSION group_concat_max_len = usual_length;
    RESIGNAL;
  END;
  SET SESSION group_concat_max_len = 16777216;
  SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
  START TRANSACTION;`

const VARIABLES = `
  DECLARE usual_length BIGINT UNSIGNED DEFAULT @@session.group_concat_max_len;
  DECLARE gate_floor BIGINT DEFAULT NULL;`

/**
 * Lets a statement pass only while its member lives, in this epoch, on the server on which it has joined. The gate's
 * row is written, not only locked: a statement that raises the epoch waits for this transaction, and in a cluster one
 * of the two fails at its COMMIT.
 */
function gate(place: string): string {
  return `
  UPDATE lockpool_gate SET uses = uses + 1 WHERE id = me AND epoch = my_epoch;
  IF ROW_COUNT() = 1 THEN
    SELECT g.floor INTO gate_floor
    FROM lockpool_gate AS g JOIN lockpool_member AS m ON m.id = g.id
    WHERE g.id = me AND m.dead = 0 AND (m.place IS NULL OR m.place = ${place});
  END IF;`
}

const END = `
  COMMIT;
  SET SESSION group_concat_max_len = usual_length;`

const me = `CONCAT(' ', me, ' ')`
const meReading = `CONCAT(' -', me, ' ')`

/** Frees what dead members hold. `row_keys` are rows whose first value is a key. */
export const PURGE: string = `
CREATE PROCEDURE lockpool_purge_1 (IN dead_members TEXT ${TEXT}, IN row_keys ${JSON_TEXT})
SQL SECURITY INVOKER MODIFIES SQL DATA
BEGIN
  DECLARE rest TEXT ${TEXT} DEFAULT dead_members;
  DECLARE gone VARCHAR(30) ${TEXT};
  WHILE CHAR_LENGTH(rest) > 1 DO
    SET gone = SUBSTRING_INDEX(SUBSTRING(rest, 2), ' ', 1);
    SET rest = SUBSTRING(rest, CHAR_LENGTH(gone) + 2);
    UPDATE JSON_TABLE(row_keys, '$[*]' COLUMNS (k BIGINT PATH '$[0]')) AS o
    STRAIGHT_JOIN lockpool_lease AS l ON l.k = o.k
    SET
      l.owner = IF(l.owner = gone, NULL, l.owner),
      l.readers = REPLACE(l.readers, CONCAT(' ', gone, ' '), ' '),
      l.waiters = REPLACE(REPLACE(l.waiters, CONCAT(' ', gone, ' '), ' '), CONCAT(' -', gone, ' '), ' ')
    WHERE l.owner = gone OR LOCATE(CONCAT(' ', gone, ' '), l.readers) > 0
      OR LOCATE(CONCAT(' ', gone, ' '), l.waiters) > 0 OR LOCATE(CONCAT(' -', gone, ' '), l.waiters) > 0;
  END WHILE;
END`

const OPERATIONS = `JSON_TABLE(operations, '$[*]' COLUMNS (
    i FOR ORDINALITY, k BIGINT PATH '$[0]', c TINYINT PATH '$[1]', t BIGINT PATH '$[2]')) AS o`

/** The word for one attempt or release, read from its row afterwards. `code` and `token` are those of the operation. */
const wordFor = (code: string, token: string): string => `
        CASE
          WHEN ${code} = ${CODE.tryExclusive} THEN
            CASE WHEN l.owner = me THEN l.token WHEN LOCATE(${me}, l.waiters) = 1 THEN 'q' ELSE 'n' END
          WHEN l.owner IS NULL AND l.freed = me AND l.token = ${token} THEN
            IF(CHAR_LENGTH(REPLACE(REPLACE(l.waiters, ${me}, ' '), ${meReading}, ' ')) > 1, 'w', 'd')
          ELSE 'n' END`

const IS_FREE = `l.owner IS NULL AND CHAR_LENGTH(l.readers) <= 1 AND CHAR_LENGTH(l.waiters) <= 1`

/**
 * First attempts and releases in exclusive mode: nearly all operations when processes don't contend. The answer has one
 * word per operation: the token of a granted lock; `d` or `w` for a release (`w`: another process waits for the lock);
 * `n` for an operation that changed nothing; `q` for an attempt of the first waiter, which must be repeated as such.
 * `freed` records which member has released the grant with this token, so a repeated release gets the same answer.
 */
export const brief = (place: string): string => `
CREATE PROCEDURE lockpool_brief_1 (
  IN me BIGINT, IN my_epoch BIGINT, IN dead_members TEXT ${TEXT}, IN new_keys ${JSON_TEXT}, IN operations ${JSON_TEXT})
SQL SECURITY INVOKER MODIFIES SQL DATA
BEGIN
  DECLARE made BIGINT DEFAULT 0;
  DECLARE made_keys, done LONGTEXT ${TEXT} DEFAULT NULL;${VARIABLES}${BEGIN}${gate(place)}
  IF gate_floor IS NOT NULL THEN
    IF dead_members <> '' THEN CALL lockpool_purge_1(dead_members, operations); END IF;
    IF operations <> '' THEN
      UPDATE ${OPERATIONS}
      STRAIGHT_JOIN lockpool_lease AS l ON l.k = o.k
      SET
        l.owner = IF(o.c = ${CODE.tryExclusive}, me, NULL),
        l.freed = IF(o.c = ${CODE.tryExclusive}, NULL, me),
        l.token = l.token + IF(o.c = ${CODE.tryExclusive}, ${TOKEN_STEP}, 0)
      WHERE CASE o.c
        WHEN ${CODE.tryExclusive} THEN ${IS_FREE}
        ELSE l.owner = me AND l.token = o.t END;
      SELECT GROUP_CONCAT(IF(l.k IS NULL, 'n', ${wordFor('o.c', 'o.t')}) ORDER BY o.i SEPARATOR ' ') INTO done
      FROM ${OPERATIONS} LEFT JOIN lockpool_lease AS l ON l.k = o.k;
    END IF;
    IF new_keys <> '' THEN
      INSERT IGNORE INTO lockpool_lease (k, owner, token)
      SELECT o.k, me, gate_floor + ${TOKEN_STEP} FROM JSON_TABLE(new_keys, '$[*]' COLUMNS (k BIGINT PATH '$')) AS o;
      SET made = ROW_COUNT();
      IF made <> JSON_LENGTH(new_keys) THEN
        SELECT GROUP_CONCAT(l.k SEPARATOR ' ') INTO made_keys
        FROM JSON_TABLE(new_keys, '$[*]' COLUMNS (k BIGINT PATH '$')) AS o
        STRAIGHT_JOIN lockpool_lease AS l ON l.k = o.k
        WHERE l.owner = me AND l.token = gate_floor + ${TOKEN_STEP};
      END IF;
    END IF;
  END IF;${END}
  SELECT CAST(gate_floor AS CHAR), made, made_keys, done;
END`

/**
 * One operation of `brief`, with the same word as its answer. It reads no list. Measured: an attempt and a release take 1.6
 * ms of the server's processor time, and 2.0 to 2.6 ms as batches of one.
 */
export const single = (place: string): string => `
CREATE PROCEDURE lockpool_single_1 (
  IN me BIGINT, IN my_epoch BIGINT, IN dead_members TEXT ${TEXT}, IN op_key BIGINT, IN op INT, IN op_token BIGINT)
SQL SECURITY INVOKER MODIFIES SQL DATA
BEGIN
  DECLARE gate_floor BIGINT DEFAULT NULL;
  DECLARE done VARCHAR(30) ${TEXT} DEFAULT 'n';
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
  START TRANSACTION;${gate(place)}
  IF gate_floor IS NOT NULL THEN
    IF op = ${CODE.newExclusive} THEN
      INSERT IGNORE INTO lockpool_lease (k, owner, token) VALUES (op_key, me, gate_floor + ${TOKEN_STEP});
      IF ROW_COUNT() = 1 THEN SET done = gate_floor + ${TOKEN_STEP}; END IF;
    ELSE
      IF dead_members <> '' THEN CALL lockpool_purge_1(dead_members, CONCAT('[[', op_key, ']]')); END IF;
      IF op = ${CODE.tryExclusive} THEN
        UPDATE lockpool_lease AS l SET l.owner = me, l.freed = NULL, l.token = l.token + ${TOKEN_STEP}
        WHERE l.k = op_key AND ${IS_FREE};
      ELSE
        UPDATE lockpool_lease AS l SET l.owner = NULL, l.freed = me
        WHERE l.k = op_key AND l.owner = me AND l.token = op_token;
      END IF;
      SELECT ${wordFor('op', 'op_token')} INTO done FROM lockpool_lease AS l WHERE l.k = op_key;
    END IF;
  END IF;
  COMMIT;
  SELECT CAST(gate_floor AS CHAR), done;
END`

const isOneOf = (...codes: number[]): string => `op IN (${codes.join(', ')})`

/** The same rules as in PostgreSQL, one operation after the other. */
const ONE_OPERATION = `
      SET others = REPLACE(REPLACE(has_waiters, ${me}, ' '), ${meReading}, ' ');
      SET is_awaited = CHAR_LENGTH(others) > 1;
      SET is_mine_first = CHAR_LENGTH(has_waiters) <= 1 OR LOCATE(${me}, has_waiters) = 1;
      SET no_writer_waits = CHAR_LENGTH(has_waiters) - CHAR_LENGTH(REPLACE(has_waiters, ' ', '')) - 1
        <= CHAR_LENGTH(has_waiters) - CHAR_LENGTH(REPLACE(has_waiters, '-', ''));
      SET reads_it = LOCATE(${me}, has_readers) > 0;
      SET writer_waits = LOCATE(${me}, has_waiters) > 0;
      SET reader_waits = LOCATE(${meReading}, has_waiters) > 0;
      SET free_for_writer = has_owner IS NULL AND CHAR_LENGTH(has_readers) <= 1
        AND (is_mine_first OR (op = ${CODE.passExclusive} AND has_token = op_token));
      SET free_for_reader = has_owner IS NULL AND
        (op = ${CODE.insistShared} OR no_writer_waits OR LOCATE(${meReading}, has_waiters) = 1);
      SET takes = ${isOneOf(CODE.tryExclusive, CODE.waitExclusive, CODE.passExclusive)} AND free_for_writer;
      SET reads_along = ${isOneOf(CODE.tryShared, CODE.waitShared, CODE.insistShared)} AND free_for_reader;
      SET is_changed = CASE
        WHEN ${isOneOf(CODE.tryExclusive)} THEN takes
        WHEN ${isOneOf(CODE.tryShared)} THEN reads_along
        WHEN ${isOneOf(CODE.releaseExclusive, CODE.yield)} THEN has_owner <=> me AND has_token = op_token
        WHEN ${isOneOf(CODE.waitExclusive, CODE.passExclusive)} THEN takes OR NOT writer_waits
        WHEN ${isOneOf(CODE.waitShared, CODE.insistShared)} THEN reads_along OR NOT reader_waits
        WHEN ${isOneOf(CODE.queue)} THEN NOT writer_waits
        WHEN ${isOneOf(CODE.join)} THEN reads_it AND no_writer_waits
        WHEN ${isOneOf(CODE.rejoin, CODE.releaseShared)} THEN reads_it
        WHEN ${isOneOf(CODE.setIntent)} THEN reads_it AND NOT writer_waits
        WHEN ${isOneOf(CODE.leave, CODE.clearIntent, CODE.drop, CODE.look)} THEN TRUE
        ELSE FALSE END;`

const CHANGE = `
        CASE
          WHEN takes THEN
            SET has_waiters = IF(is_mine_first, others, SUBSTRING(others, LOCATE(' ', others, 2)));
            SET has_owner = me, has_freed = NULL, has_readers = ' ', has_token = has_token + ${TOKEN_STEP};
          WHEN reads_along THEN
            SET has_owner = NULL, has_waiters = others, has_token = has_token + ${TOKEN_STEP};
            IF NOT reads_it THEN SET has_readers = CONCAT(has_readers, me, ' '); END IF;
          WHEN ${isOneOf(CODE.releaseExclusive)} THEN SET has_owner = NULL, has_freed = me;
          WHEN ${isOneOf(CODE.yield)} AND is_awaited THEN
            SET has_owner = NULL, has_freed = me, has_waiters = CONCAT(others, me, ' ');
          WHEN ${isOneOf(CODE.yield, CODE.join, CODE.rejoin)} THEN SET has_token = has_token + ${TOKEN_STEP};
          WHEN ${isOneOf(CODE.releaseShared)} THEN SET has_readers = REPLACE(has_readers, ${me}, ' ');
          WHEN ${isOneOf(CODE.drop)} THEN
            SET has_owner = NULLIF(has_owner, me), has_readers = REPLACE(has_readers, ${me}, ' '), has_waiters = others;
          WHEN ${isOneOf(CODE.leave, CODE.clearIntent)} THEN SET has_waiters = others;
          WHEN ${isOneOf(CODE.waitExclusive, CODE.passExclusive, CODE.queue, CODE.setIntent)} THEN
            IF NOT writer_waits THEN SET has_waiters = CONCAT(others, me, ' '); END IF;
          WHEN ${isOneOf(CODE.waitShared, CODE.insistShared)} THEN
            IF NOT reader_waits THEN SET has_waiters = CONCAT(others, '-', me, ' '); END IF;
          ELSE BEGIN END;
        END CASE;`

const FLAGS = `
        IF(has_owner <=> me, ${FLAG.owns}, 0) + IF(LOCATE(${me}, has_readers) > 0, ${FLAG.reads}, 0)
        + IF(LOCATE(${me}, has_waiters) > 0 OR LOCATE(${meReading}, has_waiters) > 0, ${FLAG.waits}, 0)
        + IF(CHAR_LENGTH(REPLACE(REPLACE(has_waiters, ${me}, ' '), ${meReading}, ' ')) > 1, ${FLAG.isAwaited}, 0)
        + IF(has_owner IS NULL, ${FLAG.isFree}, 0)`

/** Creates a row without a holder, if there is none. */
export const NEW_ROW = 24

const MAKE = `
        INSERT IGNORE INTO lockpool_lease (k, owner, readers, waiters, token) VALUES (
          op_key,
          IF(op = ${CODE.newExclusive}, me, NULL),
          IF(op = ${CODE.newShared}, ${me}, ' '),
          IF(op = ${CODE.newQueue}, ${me}, ' '),
          gate_floor + IF(op = ${NEW_ROW}, 0, ${TOKEN_STEP}));
        IF ROW_COUNT() = 1 THEN
          SET done = CONCAT(done, ' ', op_number, ':', CASE op
            WHEN ${CODE.newExclusive} THEN ${FLAG.owns} WHEN ${CODE.newShared} THEN ${FLAG.reads}
            WHEN ${CODE.newQueue} THEN ${FLAG.waits | FLAG.isFree} ELSE ${FLAG.isFree} END,
            ':', gate_floor + IF(op = ${NEW_ROW}, 0, ${TOKEN_STEP}));
        END IF;`

/** Any operations. The answer has ` number:flags:token` for each operation that was done, and leaves out the others. */
export const batch = (place: string): string => `
CREATE PROCEDURE lockpool_batch_1 (
  IN me BIGINT, IN my_epoch BIGINT, IN dead_members TEXT ${TEXT}, IN operations ${JSON_TEXT})
SQL SECURITY INVOKER MODIFIES SQL DATA
BEGIN
  DECLARE op_number, op, row_count INT;
  DECLARE op_key, op_token, has_owner, has_freed, has_token BIGINT;
  DECLARE has_readers, has_waiters, others VARCHAR(20000) ${TEXT};
  DECLARE is_over, is_there, is_awaited, is_mine_first, no_writer_waits, reads_it, writer_waits, reader_waits BOOLEAN DEFAULT FALSE;
  DECLARE free_for_writer, free_for_reader, takes, reads_along, is_changed BOOLEAN DEFAULT FALSE;
  DECLARE done LONGTEXT ${TEXT} DEFAULT '';${VARIABLES}
  DECLARE wanted CURSOR FOR SELECT o.i, o.k, o.c, o.t FROM ${OPERATIONS};
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET is_over = TRUE;${BEGIN}${gate(place)}
  IF gate_floor IS NOT NULL THEN
    IF dead_members <> '' THEN CALL lockpool_purge_1(dead_members, operations); END IF;
    SET is_over = FALSE;
    OPEN wanted;
    operation: LOOP
      FETCH wanted INTO op_number, op_key, op, op_token;
      IF is_over THEN LEAVE operation; END IF;
      SELECT owner, freed, token, readers, waiters INTO has_owner, has_freed, has_token, has_readers, has_waiters
      FROM lockpool_lease WHERE k = op_key FOR UPDATE;
      SET is_there = NOT is_over, is_over = FALSE;
      IF NOT is_there AND op > ${CODE.look} THEN${MAKE}
      END IF;
      IF NOT is_there OR op > ${CODE.look} THEN ITERATE operation; END IF;${ONE_OPERATION}
      IF is_changed THEN${CHANGE}
        IF op <> ${CODE.look} THEN
          UPDATE lockpool_lease
          SET owner = has_owner, freed = has_freed, token = has_token, readers = has_readers, waiters = has_waiters
          WHERE k = op_key;
        END IF;
        SET done = CONCAT(done, ' ', op_number, ':', ${FLAGS}, ':', has_token);
      END IF;
    END LOOP;
    CLOSE wanted;
  END IF;${END}
  SELECT CAST(gate_floor AS CHAR), done;
END`

/**
 * Takes the first free slots, up to `at_most`, in the given order. Rows that others have locked are skipped, so it
 * waits for no other session, and the order can't cause a deadlock.
 */
export const take = (place: string): string => `
CREATE PROCEDURE lockpool_take_1 (
  IN me BIGINT, IN my_epoch BIGINT, IN dead_members TEXT ${TEXT}, IN slots ${JSON_TEXT}, IN at_most INT)
SQL SECURITY INVOKER MODIFIES SQL DATA
BEGIN
  DECLARE slot, has_token, has_owner BIGINT;
  DECLARE is_over BOOLEAN DEFAULT FALSE;
  DECLARE taken LONGTEXT ${TEXT} DEFAULT '';${VARIABLES}
  DECLARE wanted CURSOR FOR
    SELECT l.k FROM JSON_TABLE(slots, '$[*]' COLUMNS (i FOR ORDINALITY, k BIGINT PATH '$')) AS s
    STRAIGHT_JOIN lockpool_lease AS l ON l.k = s.k
    WHERE l.owner IS NULL OR LOCATE(CONCAT(' ', l.owner, ' '), dead_members) > 0
    ORDER BY s.i;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET is_over = TRUE;${BEGIN}${gate(place)}
  IF gate_floor IS NOT NULL THEN
    SET is_over = FALSE;
    OPEN wanted;
    slots: LOOP
      FETCH wanted INTO slot;
      IF is_over OR at_most <= 0 THEN LEAVE slots; END IF;
      SELECT owner, token INTO has_owner, has_token FROM lockpool_lease WHERE k = slot FOR UPDATE SKIP LOCKED;
      IF NOT is_over AND (has_owner IS NULL OR LOCATE(CONCAT(' ', has_owner, ' '), dead_members) > 0) THEN
        UPDATE lockpool_lease SET owner = me, freed = NULL, token = has_token + ${TOKEN_STEP} WHERE k = slot;
        SET taken = CONCAT(taken, ' ', slot, ':', has_token + ${TOKEN_STEP}), at_most = at_most - 1;
      END IF;
      SET is_over = FALSE;
    END LOOP;
    CLOSE wanted;
  END IF;${END}
  SELECT CAST(gate_floor AS CHAR), NULLIF(SUBSTRING(taken, 2), '');
END`

export const CALL_BRIEF = 'CALL lockpool_brief_1(?, ?, ?, ?, ?)'
export const CALL_SINGLE = 'CALL lockpool_single_1(?, ?, ?, ?, ?, ?)'
export const CALL_BATCH = 'CALL lockpool_batch_1(?, ?, ?, ?)'
export const CALL_TAKE = 'CALL lockpool_take_1(?, ?, ?, ?, ?)'
