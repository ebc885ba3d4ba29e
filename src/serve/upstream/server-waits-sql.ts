/**
 * Which of these backends wait in the server, for whom, and which advisory locks they have or wait for. The first column is the
 * pid of the connection that asks. Ids of keys are those of `LockOwner`.
 */
export const SERVER_WAITS = `
SELECT
  asking.pid, locks.pid, locks.granted,
  CASE WHEN locks.locktype OPERATOR(pg_catalog.=) 'advisory' THEN
    CASE WHEN locks.objsubid OPERATOR(pg_catalog.=) 1
      THEN ((locks.classid::pg_catalog.int8 OPERATOR(pg_catalog.<<) 32)
        OPERATOR(pg_catalog.|) locks.objid::pg_catalog.int8)::pg_catalog.text
      ELSE pg_catalog.concat(locks.classid::pg_catalog.int4, ',', locks.objid::pg_catalog.int4)
    END
  END,
  CASE WHEN NOT locks.granted
    THEN pg_catalog.array_to_string(pg_catalog.pg_blocking_pids(locks.pid), ' ')
  END
FROM (SELECT pg_catalog.pg_backend_pid() AS pid) AS asking
LEFT JOIN pg_catalog.pg_locks AS locks
  ON locks.pid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.int4[])
  AND (NOT locks.granted OR locks.locktype OPERATOR(pg_catalog.=) 'advisory')`
