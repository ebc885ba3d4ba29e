\set VERBOSITY verbose
\pset pager off
SELECT pg_advisory_lock(42);
SELECT pg_try_advisory_lock(1, 2) AS locked, 1 AS one;
\echo locks?
\prompt '' x
SELECT pg_advisory_unlock(42), pg_advisory_unlock(42);
BEGIN;
SELECT pg_advisory_xact_lock(7);
SAVEPOINT s;
SELECT pg_advisory_xact_lock(8);
\echo locks?
\prompt '' x
ROLLBACK TO s;
\echo locks?
\prompt '' x
SELECT 1 / 0;
SELECT 1;
COMMIT;
\echo locks?
\prompt '' x
SELECT pg_advisory_lock(9) \; SELECT pg_try_advisory_lock(10);
SELECT * FROM pg_try_advisory_lock(11) AS got;
SELECT pg_advisory_lock(:'x');
SELECT pg_advisory_lock(hashtext('job'));
\gset
SHOW lock_timeout;
SET lock_timeout = '3s';
SHOW lock_timeout;
RESET lock_timeout;
SHOW lock_timeout;
\echo locks?
\prompt '' x
DISCARD ALL;
\echo locks?
\prompt '' x
