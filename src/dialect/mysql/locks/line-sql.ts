/** Drawn from one counter of the server: of all that are drawn while it runs, a later one is greater. */
export const TOKEN = `CAST(UUID_SHORT() AS CHAR)`

/** Seconds of the wait that are left. A clock that is set makes that no longer than the whole. */
const REST_S = `LEAST(?, GREATEST(0, ? - TIMESTAMPDIFF(MICROSECOND, NOW(6), SYSDATE(6)) / 1000000))`

/**
 * Waits in line for a lock, and takes it. Whoever has the name of the line is at its head, and waits for the lock itself; the
 * others wait for the name. So somebody has that name as long as anybody stands in line: one look shows it. The server serves
 * those who wait for one name in the order in which they came, and gives a name that is given up to the first of them before
 * anybody else can have it.
 *
 * Answers `f` and a token if nobody was there, `g` and a token if somebody was, or `n`.
 */
function enqueue(token: string): string {
  const leaving = (said: string): string => `IF(RELEASE_LOCK(?) = 1, '${said}', '${said}')`
  const has = (said: string): string => (token === '' ? leaving(said) : `CONCAT(${leaving(said)}, ${token})`)
  return (
    `SELECT CASE ` +
    `WHEN GET_LOCK(?, 0) = 1 THEN CASE WHEN GET_LOCK(?, 0) = 1 THEN ${has('f')} ` +
    `WHEN GET_LOCK(?, ?) = 1 THEN ${has('g')} ELSE ${leaving('n')} END ` +
    `WHEN GET_LOCK(?, ?) = 1 THEN IF(GET_LOCK(?, ${REST_S}) = 1, ${has('g')}, ${leaving('n')}) ` +
    `ELSE 'n' END, CONNECTION_ID()`
  )
}

export const LINE_UP: string = enqueue(TOKEN)
export const LINE_UP_PLAIN: string = enqueue('')

/** For a lock of this name, `line` being the name of the line. */
export function lineParameters(name: string, line: string, waitMs: number): (string | number)[] {
  const seconds = waitMs / 1000
  return [
    ...[line, name, line, name, seconds, line, line],
    ...[line, seconds, name, seconds, seconds, line, line],
  ]
}
