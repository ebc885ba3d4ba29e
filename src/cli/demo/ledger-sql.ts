/** All statements of the demo's ledger. `schema` is generated: letters, digits and underscores. */
export interface LedgerStatements {
  readonly create: string
  readonly fill: string
  readonly read: string
  readonly write: string
  readonly sum: string
  readonly drop: string
}

export function ledgerStatements(schema: string): LedgerStatements {
  return {
    create: `CREATE SCHEMA ${schema}; ${createAccounts(schema)}`,
    fill: `
      INSERT INTO ${schema}.account
      SELECT id, $2::bigint, $2::bigint, 0, 0, 0 FROM pg_catalog.generate_series(1, $1::int) AS id
      ON CONFLICT (id) DO UPDATE
      SET cents = excluded.cents, expected = excluded.expected, token = 0, reads = 0, regressions = 0`,
    read: readBoth(schema),
    write: writeBoth(schema),
    sum: `
      SELECT
        pg_catalog.sum(cents)::pg_catalog.text AS cents,
        pg_catalog.sum(reads)::int AS reads,
        pg_catalog.sum(regressions)::int AS regressions,
        (pg_catalog.count(*) FILTER (WHERE cents OPERATOR(pg_catalog.<>) expected))::int AS "wrongAccounts",
        pg_catalog.sum(pg_catalog.abs(cents OPERATOR(pg_catalog.-) expected))::pg_catalog.text AS "wrongCents"
      FROM ${schema}.account`,
    drop: `DROP SCHEMA IF EXISTS ${schema} CASCADE`,
  }
}

function createAccounts(schema: string): string {
  return `
    CREATE TABLE ${schema}.account (
      id int PRIMARY KEY,
      cents bigint NOT NULL,
      expected bigint NOT NULL,
      token bigint NOT NULL,
      reads int NOT NULL,
      regressions int NOT NULL
    )`
}

/**
 * Reads both balances; from now on writes with an earlier token are refused. A write of a killed process may still be running
 * in the server, on another connection than its locks, which are free already. The server counts tokens that are not greater
 * than the last one of their account. The rows are locked in order, so that the server's deadlock detector plays no part.
 */
function readBoth(schema: string): string {
  return `
    WITH locked AS MATERIALIZED (
      SELECT id FROM ${schema}.account WHERE id OPERATOR(pg_catalog.=) ANY (ARRAY[$1::int, $3::int]) ORDER BY id FOR UPDATE
    )
    UPDATE ${schema}.account AS account
    SET
      token = greatest(account.token, mine.token),
      reads = account.reads OPERATOR(pg_catalog.+) 1,
      regressions = account.regressions
        OPERATOR(pg_catalog.+) CASE WHEN mine.token OPERATOR(pg_catalog.<=) account.token THEN 1 ELSE 0 END
    FROM (VALUES ($1::int, $2::bigint), ($3::int, $4::bigint)) AS mine (id, token)
    JOIN locked ON locked.id OPERATOR(pg_catalog.=) mine.id
    WHERE account.id OPERATOR(pg_catalog.=) mine.id
    RETURNING account.id, account.cents::pg_catalog.text AS cents`
}

/**
 * Writes both balances in one statement, from the balances that were read, minus and plus the amount. So a killed worker has
 * written both or none. It writes none if a worker with a later token has read one of the accounts. It also updates the
 * expected balance, independent of what was read: so an account that lost a transfer is found, even if another has one too
 * many.
 */
function writeBoth(schema: string): string {
  return `
    WITH locked AS MATERIALIZED (
      SELECT account.id
      FROM ${schema}.account AS account
      JOIN (VALUES ($1::int, $2::bigint), ($4::int, $5::bigint)) AS mine (id, token)
        ON mine.id OPERATOR(pg_catalog.=) account.id AND mine.token OPERATOR(pg_catalog.=) account.token
      ORDER BY account.id
      FOR UPDATE OF account
    )
    UPDATE ${schema}.account AS account
    SET
      cents = new.cents,
      expected = account.expected OPERATOR(pg_catalog.+) new.amount
    FROM (VALUES ($1::int, $3::bigint, 0 OPERATOR(pg_catalog.-) $7::bigint), ($4::int, $6::bigint, $7::bigint)) AS new (id, cents, amount)
    WHERE account.id OPERATOR(pg_catalog.=) new.id
      AND (SELECT pg_catalog.count(*) FROM locked) OPERATOR(pg_catalog.=) 2`
}

export const SERVER_VERSION = `SELECT pg_catalog.current_setting('server_version') AS version`

/** The workers' connections and their locks, as the server lists them, without waiter registrations. */
export const CONNECTIONS_OF = `
SELECT application_name AS name, pg_catalog.count(*)::int AS connections
FROM pg_catalog.pg_stat_activity
WHERE pg_catalog.starts_with(application_name, $1)
GROUP BY application_name`

/** The locks of one application, each as a text. */
export const LOCKS_OF = `
SELECT pg_catalog.concat_ws(' ', lock.classid, lock.objid) AS lock
FROM pg_catalog.pg_locks AS lock
JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid OPERATOR(pg_catalog.=) lock.pid
WHERE activity.application_name OPERATOR(pg_catalog.=) $1 AND lock.granted
  AND lock.locktype OPERATOR(pg_catalog.=) 'advisory' AND lock.objsubid OPERATOR(pg_catalog.=) 1`

/** Whether one of the locks in `$3` belongs to another application than `$2`, of those that begin with `$1`. */
export const IS_INHERITED = `
SELECT EXISTS (
  SELECT
  FROM pg_catalog.pg_locks AS lock
  JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid OPERATOR(pg_catalog.=) lock.pid
  WHERE pg_catalog.starts_with(activity.application_name, $1)
    AND activity.application_name OPERATOR(pg_catalog.<>) $2
    AND lock.locktype OPERATOR(pg_catalog.=) 'advisory' AND lock.objsubid OPERATOR(pg_catalog.=) 1 AND lock.granted
    AND pg_catalog.concat_ws(' ', lock.classid, lock.objid) OPERATOR(pg_catalog.=) ANY ($3::pg_catalog.text[])
) AS inherited`
