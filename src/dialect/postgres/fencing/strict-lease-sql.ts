/**
 * How an operator changes the maximum lease of strict pools. The statements run on their own connection, after
 * OWN_NAMES.
 */

/** The disk of this server is enough, as for all our writes. A separate check ensures that replicas have the change. */
const ON_THIS_DISK = `SET LOCAL synchronous_commit = local`

/** Sets what strict pools wait after a change of the server. It is at least as long as any lease from now on. */
export function raiseWait(leaseMs: number): string[] {
  return [
    ON_THIS_DISK,
    `
INSERT INTO lockpool.timeline AS stored (longest_lease_ms)
VALUES (${leaseMs})
ON CONFLICT (is_only) DO UPDATE SET longest_lease_ms = greatest(stored.longest_lease_ms, excluded.longest_lease_ms)`,
  ]
}

/** Sets the maximum lease. */
export function setLease(leaseMs: number): string[] {
  return [ON_THIS_DISK, `UPDATE lockpool.timeline SET strict_lease_ms = ${leaseMs}`]
}

export const LEASE_AND_WAIT = `SELECT strict_lease_ms, longest_lease_ms FROM lockpool.timeline`

/** A position in the WAL after everything that is committed. */
export const COMMITTED = `SELECT pg_catalog.pg_current_wal_flush_lsn()::pg_catalog.text AS position`

/**
 * The replicas that may not have replayed everything before a position: connected ones that are behind it, or whose
 * position this role may not see; and disconnected ones, as far as a slot exists for them. Subscribers of logical
 * replication are not replicas.
 */
export function replicasBehind(position: string): string {
  return `
SELECT
  coalesce(replica.application_name, 'a replica') AS name,
  CASE WHEN replica.replay_lsn IS NULL THEN 'this role may not see how far it is' ELSE 'it is behind' END AS why
FROM pg_catalog.pg_stat_replication AS replica
LEFT JOIN pg_catalog.pg_replication_slots AS slot ON slot.active_pid OPERATOR(pg_catalog.=) replica.pid
WHERE coalesce(replica.state OPERATOR(pg_catalog.<>) 'backup', true)
  AND coalesce(slot.slot_type OPERATOR(pg_catalog.<>) 'logical', true)
  AND (replica.replay_lsn IS NULL OR replica.replay_lsn OPERATOR(pg_catalog.<) '${position}'::pg_catalog.pg_lsn)
UNION ALL
SELECT slot_name::pg_catalog.text, 'it is not connected'
FROM pg_catalog.pg_replication_slots
WHERE slot_type OPERATOR(pg_catalog.=) 'physical' AND NOT active`
}
