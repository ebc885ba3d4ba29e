import { LEAST_MOVE } from '../../rows/timeline-to-join.js'
import { LAST_CLOCK_MS, TOKENS_PER_MS } from '../../token-clock.js'

/** What members write about themselves and about each other. Each statement is a separate transaction. */

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin'

/**
 * Identifies the server. The nodes of a Galera cluster count as one server, because a commit on one node is on all. On
 * any other server with the same name, the last transactions may be missing.
 */
export const PLACE = {
  mariadb: `IF(@@global.wsrep_on, CONCAT('cluster ', @@global.wsrep_cluster_name), CONCAT(@@global.server_id, ' on ', @@hostname, ':', @@port, ' in ', @@datadir))`,
  mysql: '@@global.server_uuid',
} as const

const BEGIN = `
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
  START TRANSACTION;`

/**
 * The row of the floor is written. So a session that raises the floor sees this member, or the member sees the raised
 * floor. Returns null if the rows are by now valid on another server.
 */
export const JOIN: string = `
CREATE PROCEDURE lockpool_join_1 (
  IN me BIGINT, IN lease_ms INT, IN namespace VARCHAR(200) CHARACTER SET utf8mb4, IN name VARCHAR(1000) CHARACTER SET utf8mb4,
  IN my_place VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)
SQL SECURITY INVOKER MODIFIES SQL DATA
BEGIN
  DECLARE start_floor BIGINT DEFAULT NULL;${BEGIN}
  UPDATE lockpool_floor SET uses = uses + 1 WHERE id = 1 AND (my_place IS NULL OR place = my_place);
  IF ROW_COUNT() = 1 THEN
    SELECT floor INTO start_floor FROM lockpool_floor WHERE id = 1;
    INSERT INTO lockpool_member (id, lease_ms, namespace, name, place) VALUES (me, lease_ms, namespace, name, my_place);
    INSERT INTO lockpool_gate (id, floor) VALUES (me, start_floor);
  END IF;
  COMMIT;
  SELECT CAST(start_floor AS CHAR);
END`

/**
 * A heartbeat. The answer also has the state of all other members. The number is null if this member was declared dead,
 * or has joined on another server.
 */
export const beat = (place: string): string => `
CREATE PROCEDURE lockpool_beat_1 (IN me BIGINT)
SQL SECURITY INVOKER MODIFIES SQL DATA
BEGIN
  DECLARE is_alive BOOLEAN;
  DECLARE usual_length BIGINT UNSIGNED DEFAULT @@session.group_concat_max_len;
  DECLARE others LONGTEXT ${TEXT};
  SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
  UPDATE lockpool_member SET beat = beat + 1 WHERE id = me AND dead = 0 AND (place IS NULL OR place = ${place});
  SET is_alive = ROW_COUNT() = 1;
  SET SESSION group_concat_max_len = 16777216;
  SELECT GROUP_CONCAT(CONCAT(id, ':', beat, ':', lease_ms, ':', IF(dead, 'd', '')) SEPARATOR ' ') INTO others
  FROM lockpool_member WHERE id <> me;
  SET SESSION group_concat_max_len = usual_length;
  SELECT (SELECT CAST(beat AS CHAR) FROM lockpool_member WHERE id = me AND is_alive), others;
END`

/**
 * Removes what a dead member has left, and the member. Its gate is removed first, in a separate transaction: that waits
 * for statements that have passed it, and after that no statement of the member changes anything. In a cluster both
 * happen on one node, which has everything that came before its own transaction.
 */
export const SWEEP: string = `
CREATE PROCEDURE lockpool_sweep_1 (IN gone BIGINT)
SQL SECURITY INVOKER MODIFIES SQL DATA
BEGIN
  DECLARE gone_reading, gone_writing VARCHAR(30) ${TEXT};
  DECLARE is_dead INT DEFAULT 0;
  SET gone_writing = CONCAT(' ', gone, ' '), gone_reading = CONCAT(' -', gone, ' ');
  SELECT COUNT(*) INTO is_dead FROM lockpool_member WHERE id = gone AND dead = 1;
  IF is_dead = 1 THEN
    DELETE FROM lockpool_gate WHERE id = gone;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    UPDATE lockpool_lease SET
      owner = IF(owner = gone, NULL, owner),
      readers = REPLACE(readers, gone_writing, ' '),
      waiters = REPLACE(REPLACE(waiters, gone_writing, ' '), gone_reading, ' ')
    WHERE owner = gone OR LOCATE(gone_writing, readers) > 0
      OR LOCATE(gone_writing, waiters) > 0 OR LOCATE(gone_reading, waiters) > 0;
    DELETE FROM lockpool_member WHERE id = gone AND dead = 1;
  END IF;
  SELECT is_dead;
END`

/**
 * Removes rows of free keys if there are more than `kept`. A row that is created again starts above the floor, and the
 * floor is raised above the tokens of all removed rows: first for members that join from now on, then for all others.
 * Afterwards it is raised once more, so that members that have read rows in the meantime learn that rows are gone.
 * Everything happens on one node of a cluster, which has every member that joined below the new floor.
 */
export const TIDY: string = `
CREATE PROCEDURE lockpool_tidy_1 (IN kept INT, IN at_once INT)
SQL SECURITY INVOKER MODIFIES SQL DATA
BEGIN
  DECLARE free_rows INT DEFAULT 0;
  DECLARE usual_length BIGINT UNSIGNED DEFAULT @@session.group_concat_max_len;
  DECLARE greatest_token, next_floor BIGINT;
  DECLARE free_keys LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    SET SESSION group_concat_max_len = usual_length;
    RESIGNAL;
  END;
  SET SESSION group_concat_max_len = 16777216;
  SELECT COUNT(*), MAX(token), CONCAT('[', GROUP_CONCAT(k ORDER BY k SEPARATOR ','), ']') INTO free_rows, greatest_token, free_keys
  FROM (
    SELECT k, token FROM lockpool_lease
    WHERE owner IS NULL AND CHAR_LENGTH(readers) <= 1 AND CHAR_LENGTH(waiters) <= 1
    LIMIT at_once
  ) AS free;
  SET SESSION group_concat_max_len = usual_length;
  IF free_rows > kept THEN
    UPDATE lockpool_floor SET floor = GREATEST(greatest_token, floor + 1) WHERE id = 1;
    SELECT floor INTO next_floor FROM lockpool_floor WHERE id = 1;
    UPDATE lockpool_gate SET floor = next_floor WHERE floor < next_floor;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    DELETE l FROM JSON_TABLE(free_keys, '$[*]' COLUMNS (k BIGINT PATH '$')) AS o
    STRAIGHT_JOIN lockpool_lease AS l ON l.k = o.k
    WHERE l.token <= next_floor AND l.owner IS NULL AND CHAR_LENGTH(l.readers) <= 1 AND CHAR_LENGTH(l.waiters) <= 1;
    UPDATE lockpool_floor SET floor = floor + 1 WHERE id = 1;
    SELECT floor INTO next_floor FROM lockpool_floor WHERE id = 1;
    UPDATE lockpool_gate SET floor = next_floor WHERE floor < next_floor;
  ELSE
    SET free_rows = 0;
  END IF;
  SELECT free_rows;
END`

/** The clock as a token, or 0 if the clock is implausible. It is UTC, because local time is set back once a year. */
const CLOCK_MS = `(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)`
export const CLOCK: string = `IF(${CLOCK_MS} > 0 AND ${CLOCK_MS} < ${LAST_CLOCK_MS}, ${CLOCK_MS} * ${TOKENS_PER_MS}, 0)`

/**
 * Runs once per server: members of the previous server become dead, and tokens move above all that they can have been
 * given. The first member finds no previous server.
 */
export const SETTLE: string = `
CREATE PROCEDURE lockpool_settle_2 (IN my_place VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)
SQL SECURITY INVOKER MODIFIES SQL DATA
BEGIN
  DECLARE greatest_token BIGINT;
  DECLARE place_before VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;${BEGIN}
  SELECT place INTO place_before FROM lockpool_floor WHERE id = 1 FOR UPDATE;
  IF place_before IS NULL THEN
    UPDATE lockpool_floor SET place = my_place WHERE id = 1;
  ELSEIF place_before <> my_place THEN
    SELECT COALESCE(MAX(token), 0) INTO greatest_token FROM lockpool_lease FOR UPDATE;
    SET greatest_token = GREATEST(greatest_token + ${LEAST_MOVE}, ${CLOCK});
    UPDATE lockpool_floor SET place = my_place, floor = GREATEST(floor + ${LEAST_MOVE}, greatest_token) WHERE id = 1;
    UPDATE lockpool_lease SET token = (SELECT floor FROM lockpool_floor WHERE id = 1);
    UPDATE lockpool_member SET dead = 1 WHERE dead = 0 AND (place IS NULL OR place <> my_place);
  END IF;
  COMMIT;
  SELECT place_before;
END`

export const CALL_JOIN = 'CALL lockpool_join_1(?, ?, ?, ?, ?)'
export const CALL_BEAT = 'CALL lockpool_beat_1(?)'
export const CALL_SWEEP = 'CALL lockpool_sweep_1(?)'
export const CALL_TIDY = 'CALL lockpool_tidy_1(?, ?)'
export const CALL_CHANGE_TIMELINE = 'CALL lockpool_settle_2(?)'

export const currentPlace = (place: string): string => `SELECT ${place}`

/** The server on which rows are valid, and the longest lease of all members. */
export const BELIEVED: string = `
SELECT (SELECT place FROM lockpool_floor WHERE id = 1), (SELECT COALESCE(MAX(lease_ms), 0) FROM lockpool_member)`

/** Compare-and-set: declares a member dead only if its counter has not moved from the value at which it stood still. */
export const BURY: string = `UPDATE lockpool_member SET dead = 1 WHERE id = ? AND beat = ? AND dead = 0`

/** The member gives up all its locks. */
export const ABANDON: string = `UPDATE lockpool_member SET dead = 1 WHERE id = ? AND dead = 0`

/** Removes a member that holds nothing. */
export const LEAVE: string = `
DELETE m, g FROM lockpool_member AS m LEFT JOIN lockpool_gate AS g ON g.id = m.id WHERE m.id = ?`

/** Waits for every statement of the member that has passed the gate. Later ones of an older epoch change nothing. */
export const RAISE_EPOCH: string = `UPDATE lockpool_gate SET epoch = ? WHERE id = ? AND epoch < ?`

/** No row, or a dead one, means that the member was declared dead. Without a gate, its cleanup is running. */
export const lookAtMember = (place: string): string => `
SELECT CAST(COALESCE(g.epoch, 0) AS CHAR), IF(m.dead = 1 OR g.id IS NULL, 1, 0), IF(m.place IS NULL OR m.place = ${place}, 1, 0)
FROM lockpool_member AS m LEFT JOIN lockpool_gate AS g ON g.id = m.id
WHERE m.id = ?`

/** Other sessions that use the semaphore with another number of permits. */
export const OTHER_SHAPES: string = `
SELECT l.k - CAST(? AS SIGNED), l.readers FROM lockpool_lease AS l
WHERE l.k > CAST(? AS SIGNED) AND l.k < CAST(? AS SIGNED) + 1024 AND l.k <> CAST(? AS SIGNED) AND CHAR_LENGTH(l.readers) > 1
ORDER BY l.k`

const OTHERS = `REPLACE(REPLACE(l.waiters, CONCAT(' ', ?, ' '), ' '), CONCAT(' -', ?, ' '), ' ')`

/** Those of the given keys that other members wait for. Parameters: a list in JSON, the member twice. */
export const WANTED_BY_OTHERS: string = `
SELECT CAST(l.k AS CHAR)
FROM JSON_TABLE(?, '$[*]' COLUMNS (k BIGINT PATH '$')) AS o STRAIGHT_JOIN lockpool_lease AS l ON l.k = o.k
WHERE CHAR_LENGTH(${OTHERS}) > 1`

/** The holders of a key. */
export const HOLDERS: string = `
SELECT CAST(m.id AS CHAR), m.name
FROM lockpool_lease AS l JOIN lockpool_member AS m ON m.id = l.owner OR LOCATE(CONCAT(' ', m.id, ' '), l.readers) > 0
WHERE l.k = CAST(? AS SIGNED) AND m.dead = 0 AND m.id <> ?
ORDER BY m.id`

/** For keys with waiters: whether they are taken, and the order of the waiters. */
export const PLACES: string = `
SELECT CAST(l.k AS CHAR), CAST(l.token AS CHAR), CAST(l.owner AS CHAR), TRIM(l.readers), TRIM(l.waiters)
FROM JSON_TABLE(?, '$[*]' COLUMNS (k BIGINT PATH '$')) AS o STRAIGHT_JOIN lockpool_lease AS l ON l.k = o.k`
