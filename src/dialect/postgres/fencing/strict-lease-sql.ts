/** How an operator changes the longest lease of strict pools. Sent by a connection of its own, behind OWN_NAMES. */

/** Our own server's disk is enough, here as everywhere: that replicas have it is seen to by looking. */
const ON_THIS_DISK = `SET LOCAL synchronous_commit = local`

/** What strict pools wait after a change of the server: no less than any lease may be from now on. */
export function raiseWait(leaseMs: number): string[] {
  return [
    ON_THIS_DISK,
    `
INSERT INTO lockpool.timeline AS stored (longest_lease_ms)
VALUES (${leaseMs})
ON CONFLICT (is_only) DO UPDATE SET longest_lease_ms = greatest(stored.longest_lease_ms, excluded.longest_lease_ms)`,
  ]
}

/** What leases may be. */
export function setLease(leaseMs: number): string[] {
  return [ON_THIS_DISK, `UPDATE lockpool.timeline SET strict_lease_ms = ${leaseMs}`]
}

export const LEASE_AND_WAIT = `SELECT strict_lease_ms, longest_lease_ms FROM lockpool.timeline`

/** Everything that is committed by now is before it. */
export const COMMITTED = `SELECT pg_catalog.pg_current_wal_flush_lsn()::pg_catalog.text AS position`

/**
 * Replicas that have not replayed what was committed before a position: those that are connected and behind it, or do not
 * tell this role; and those that are not connected, as far as a slot is kept for them. What follows by logical replication
 * is no replica.
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
