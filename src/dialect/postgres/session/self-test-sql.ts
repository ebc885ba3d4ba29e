import { TEST_CLASS } from '../keys/key.js'

/** The steps of the test of two connections. Each step returns the pid of the backend that ran it. */
export const TEST_BEGIN = `BEGIN`

export const TEST_LOOK = `SELECT pg_catalog.pg_backend_pid() AS pid, $1::int IS NOT NULL AS said`

export const TEST_TRY: string = `
SELECT pg_catalog.pg_backend_pid() AS pid, pg_catalog.pg_try_advisory_lock(${TEST_CLASS}, $1::int) AS said`

export const TEST_UNLOCK: string = `
SELECT pg_catalog.pg_backend_pid() AS pid, pg_catalog.pg_advisory_unlock(${TEST_CLASS}, $1::int) AS said`

export const TEST_COMMIT = `COMMIT`
