/** Who has a key, and the token of the row. */
export const OWNER = `
SELECT CAST(l.owner AS CHAR)
FROM lockpool_lease AS l JOIN lockpool_member AS m ON m.id = l.owner
WHERE l.k = CAST(? AS SIGNED) AND m.dead = 0`
