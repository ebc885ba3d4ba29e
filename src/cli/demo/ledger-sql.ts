/** Every statement of the demo's ledger. `schema` is of our own making: letters, digits and underscores. */
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
      SELECT id, $2::bigint, 0, 0, 0 FROM generate_series(1, $1::int) AS id
      ON CONFLICT (id) DO UPDATE SET cents = excluded.cents, token = 0, writes = 0, regressions = 0`,
    read: `
      SELECT id, cents::text AS cents
      FROM ${schema}.account
      WHERE id IN ($1::int, $2::int)`,
    write: writeBoth(schema),
    sum: `
      SELECT
        sum(cents)::text AS cents,
        sum(writes)::int AS writes,
        sum(regressions)::int AS regressions
      FROM ${schema}.account`,
    drop: `DROP SCHEMA IF EXISTS ${schema} CASCADE`,
  }
}

function createAccounts(schema: string): string {
  return `
    CREATE TABLE ${schema}.account (
      id int PRIMARY KEY,
      cents bigint NOT NULL,
      token bigint NOT NULL,
      writes int NOT NULL,
      regressions int NOT NULL
    )`
}

/**
 * What was read before is written back: both balances in one statement, so that a worker that is killed has written both or
 * none. A token that is not greater than the last one of its account is counted, by the server. The rows are locked in
 * order, so that it is not the server's detector of deadlocks that is shown here.
 */
function writeBoth(schema: string): string {
  return `
    WITH locked AS MATERIALIZED (
      SELECT id FROM ${schema}.account WHERE id IN ($1::int, $4::int) ORDER BY id FOR UPDATE
    )
    UPDATE ${schema}.account AS account
    SET
      cents = new.cents,
      token = greatest(account.token, new.token),
      writes = account.writes + 1,
      regressions = account.regressions + CASE WHEN new.token <= account.token THEN 1 ELSE 0 END
    FROM (VALUES ($1::int, $2::bigint, $3::bigint), ($4::int, $5::bigint, $6::bigint)) AS new (id, cents, token)
    JOIN locked ON locked.id = new.id
    WHERE account.id = new.id`
}

export const SERVER_VERSION = `SELECT current_setting('server_version') AS version`

/** What the server sees of the workers: connections, and locks on them, those of waiting keys' marks left out. */
export const CONNECTIONS_OF = `
SELECT application_name AS name, count(*)::int AS connections
FROM pg_catalog.pg_stat_activity
WHERE application_name LIKE $1
GROUP BY application_name`

export const LOCKS_OF = `
SELECT count(*)::int AS locks
FROM pg_catalog.pg_locks AS lock
JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid = lock.pid
WHERE activity.application_name = $1 AND lock.locktype = 'advisory' AND lock.objsubid = 1 AND lock.granted`
