/** What members say of themselves, and of each other. Each of these is a transaction of its own. */

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin'

/**
 * Which server this is. The nodes of a Galera cluster are one: what has been committed on one of them is on all. Anything else
 * that answers under the same name may lack the last transactions.
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
 * The floor is written, so that whoever raises it sees this member, or is seen by it. No answer: rows are believed on another
 * server by now.
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

/** The answer is the look at the others as well. No number: this member was buried, or has joined on another server. */
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
 * What a dead member has left, and the member. Its gate goes first, in a transaction of its own: that waits for those of its
 * statements that have passed it, and behind it none does anything. In a cluster both happen on one node, which has all that
 * came before its own transaction.
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
 * Removes rows of keys that nobody has, if there are more than \`kept\`. A row that is made anew begins above the floor, which is
 * raised above the tokens of all that are removed: first for members that join from now on, then for all others. Afterwards it
 * goes up once more, so that those who have seen rows meanwhile learn that they may be gone. All on one node of a cluster,
 * which has every member that has joined below the new floor.
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

/**
 * How far tokens go on, above those of grants that did not come over: 2^24 for each key. That can be done a hundred million
 * times.
 */
const LEAP = 2 ** 34

/**
 * Once for all: members of the server before are dead, and tokens go on above all that they can have been given. The first to
 * come finds nothing before.
 */
export const SETTLE: string = `
CREATE PROCEDURE lockpool_settle_1 (IN my_place VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)
SQL SECURITY INVOKER MODIFIES SQL DATA
BEGIN
  DECLARE greatest_token BIGINT;
  DECLARE place_before VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;${BEGIN}
  SELECT place INTO place_before FROM lockpool_floor WHERE id = 1 FOR UPDATE;
  IF place_before IS NULL THEN
    UPDATE lockpool_floor SET place = my_place WHERE id = 1;
  ELSEIF place_before <> my_place THEN
    SELECT COALESCE(MAX(token), 0) INTO greatest_token FROM lockpool_lease FOR UPDATE;
    UPDATE lockpool_floor SET place = my_place, floor = GREATEST(floor, greatest_token) + ${LEAP} WHERE id = 1;
    UPDATE lockpool_lease SET token = token + ${LEAP};
    UPDATE lockpool_member SET dead = 1 WHERE dead = 0 AND (place IS NULL OR place <> my_place);
  END IF;
  COMMIT;
  SELECT place_before;
END`

export const CALL_JOIN = 'CALL lockpool_join_1(?, ?, ?, ?, ?)'
export const CALL_BEAT = 'CALL lockpool_beat_1(?)'
export const CALL_SWEEP = 'CALL lockpool_sweep_1(?)'
export const CALL_TIDY = 'CALL lockpool_tidy_1(?, ?)'
export const CALL_SETTLE = 'CALL lockpool_settle_1(?)'

export const currentPlace = (place: string): string => `SELECT ${place}`

/** On which server rows are believed, and the longest lease of all members. */
export const BELIEVED: string = `
SELECT (SELECT place FROM lockpool_floor WHERE id = 1), (SELECT COALESCE(MAX(lease_ms), 0) FROM lockpool_member)`

/** Compare-and-set: only of a member whose counter still stands where it was seen to stand still. */
export const BURY: string = `UPDATE lockpool_member SET dead = 1 WHERE id = ? AND beat = ? AND dead = 0`

/** It gives up all it has. */
export const ABANDON: string = `UPDATE lockpool_member SET dead = 1 WHERE id = ? AND dead = 0`

/** It has nothing. */
export const LEAVE: string = `
DELETE m, g FROM lockpool_member AS m LEFT JOIN lockpool_gate AS g ON g.id = m.id WHERE m.id = ?`

/** Waits for every statement of it that has passed the gate; those that come later do nothing. */
export const RAISE_EPOCH: string = `UPDATE lockpool_gate SET epoch = ? WHERE id = ? AND epoch < ?`

/** No row, or a dead one: it was buried. Without a gate it is being swept. */
export const lookAtMember = (place: string): string => `
SELECT CAST(COALESCE(g.epoch, 0) AS CHAR), IF(m.dead = 1 OR g.id IS NULL, 1, 0), IF(m.place IS NULL OR m.place = ${place}, 1, 0)
FROM lockpool_member AS m LEFT JOIN lockpool_gate AS g ON g.id = m.id
WHERE m.id = ?`

/** Somebody takes the semaphore to have another number of permits. */
export const OTHER_SHAPES: string = `
SELECT l.k - CAST(? AS SIGNED), l.readers FROM lockpool_lease AS l
WHERE l.k > CAST(? AS SIGNED) AND l.k < CAST(? AS SIGNED) + 1024 AND l.k <> CAST(? AS SIGNED) AND CHAR_LENGTH(l.readers) > 1
ORDER BY l.k`

const OTHERS = `REPLACE(REPLACE(l.waiters, CONCAT(' ', ?, ' '), ' '), CONCAT(' -', ?, ' '), ' ')`

/** Of some keys those that others wait for. Parameters: a list in JSON, the member twice. */
export const WANTED_BY_OTHERS: string = `
SELECT CAST(l.k AS CHAR)
FROM JSON_TABLE(?, '$[*]' COLUMNS (k BIGINT PATH '$')) AS o STRAIGHT_JOIN lockpool_lease AS l ON l.k = o.k
WHERE CHAR_LENGTH(${OTHERS}) > 1`

/** Who has a key. */
export const HOLDERS: string = `
SELECT CAST(m.id AS CHAR), m.name
FROM lockpool_lease AS l JOIN lockpool_member AS m ON m.id = l.owner OR LOCATE(CONCAT(' ', m.id, ' '), l.readers) > 0
WHERE l.k = CAST(? AS SIGNED) AND m.dead = 0 AND m.id <> ?
ORDER BY m.id`

/** For keys that are waited for: whether they are taken, and who stands before whom. */
export const PLACES: string = `
SELECT CAST(l.k AS CHAR), CAST(l.token AS CHAR), CAST(l.owner AS CHAR), TRIM(l.readers), TRIM(l.waiters)
FROM JSON_TABLE(?, '$[*]' COLUMNS (k BIGINT PATH '$')) AS o STRAIGHT_JOIN lockpool_lease AS l ON l.k = o.k`
