/** The record of the backend of a namespace, in SQL that all engines document. */

export const READ_CLAIM = `
SELECT b.backend, b.used_by, b.since::varchar AS since
FROM lockpool.backend AS b WHERE b.namespace OPERATOR(pg_catalog.=) $1::varchar`

export const WRITE_CLAIM = `
INSERT INTO lockpool.backend (namespace, backend, used_by) VALUES ($1::varchar, $2::varchar, $3::varchar)
ON CONFLICT (namespace) DO NOTHING`
