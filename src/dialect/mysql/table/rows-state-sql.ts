/** Who has what, and who waits for it. */
export const ROWS_IN_USE = `
SELECT CAST(k AS CHAR), CAST(owner AS CHAR), TRIM(readers), TRIM(waiters)
FROM lockpool_lease
WHERE owner IS NOT NULL OR CHAR_LENGTH(readers) > 1 OR CHAR_LENGTH(waiters) > 1
ORDER BY k`

/** Members that are dead have nothing. */
export const LIVING_MEMBERS = `SELECT CAST(id AS CHAR), name FROM lockpool_member WHERE dead = 0 ORDER BY id`
