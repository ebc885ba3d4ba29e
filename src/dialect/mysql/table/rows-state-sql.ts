/** The holders and waiters of all rows. */
export const ROWS_IN_USE = `
SELECT CAST(k AS CHAR), CAST(owner AS CHAR), TRIM(readers), TRIM(waiters)
FROM lockpool_lease
WHERE owner IS NOT NULL OR CHAR_LENGTH(readers) > 1 OR CHAR_LENGTH(waiters) > 1
ORDER BY k`

/** Only living members. Dead ones count as absent. */
export const LIVING_MEMBERS = `SELECT CAST(id AS CHAR), name FROM lockpool_member WHERE dead = 0 ORDER BY id`
