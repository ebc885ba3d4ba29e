/** SQL of the comparison itself. It runs on a separate connection, as a superuser. */

export const CREATE_ROLE = `CREATE ROLE app LOGIN PASSWORD 'secret'`

export const CREATE_DATABASE = `CREATE DATABASE app OWNER app`

export const ADVISORY_LOCKS = `
SELECT DISTINCT classid || ':' || objid || ':' || objsubid AS key, mode
FROM pg_locks
WHERE locktype = 'advisory'
  AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY 1, 2`

export const NEW_COUNTER = `
DROP TABLE IF EXISTS counter;
CREATE TABLE counter (value int NOT NULL);
INSERT INTO counter VALUES (0);
GRANT ALL ON counter TO app`

export const READ_COUNTER = `SELECT value FROM counter`
