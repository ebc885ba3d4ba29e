/** The owner of a key, if it is not dead. */
export const OWNER = `
SELECT CAST(l.owner AS CHAR)
FROM lockpool_lease AS l JOIN lockpool_member AS m ON m.id = l.owner
WHERE l.k = CAST(? AS SIGNED) AND m.dead = 0`
