/** A token comes from one counter of the server, which grows while the server runs. */
export const TOKEN = `CAST(UUID_SHORT() AS CHAR)`

/** The remaining seconds of the wait. If the clock was set, the result is still at most the whole wait. */
export const REST_S = `LEAST(?, GREATEST(0, ? - TIMESTAMPDIFF(MICROSECOND, NOW(6), SYSDATE(6)) / 1000000))`

/**
 * Waits in the queue for a lock, and acquires it. The session that holds the name of the queue is first, and waits for
 * the lock itself; the others wait for the name. So one session holds that name as long as there is a queue, and one
 * check shows it. The server serves waiters for one name in the order of their arrival, and gives a released name to
 * the first of them before any other session can acquire it.
 *
 * Returns `f` and a token if the lock was free at once, `g` and a token after a wait, or `n`.
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

export const ENQUEUE: string = enqueue(TOKEN)
export const ENQUEUE_WITHOUT_TOKEN: string = enqueue('')

/** The parameters for the lock `name`, with `queue` as the name of its queue. */
export function enqueueParameters(name: string, queue: string, waitMs: number): (string | number)[] {
  const seconds = waitMs / 1000
  return [
    ...[queue, name, queue, name, seconds, queue, queue],
    ...[queue, seconds, name, seconds, seconds, queue, queue],
  ]
}
