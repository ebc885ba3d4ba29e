/** Identifies this server among the servers behind one address, and names the session that has answered. */
export const WHICH_SERVER = `SELECT CONCAT_WS(' ', @@server_id, @@hostname, @@port, @@datadir), CONNECTION_ID()`

/** Whether the session of this user runs a statement. A session that has ended, or ends by itself, needs no KILL. */
export const RUNS_STATEMENT = `
SELECT ID FROM information_schema.PROCESSLIST
WHERE ID = ? AND USER = SUBSTRING_INDEX(USER(), '@', 1) AND COMMAND NOT IN ('Sleep', 'Killed')`

/** Ends a session. The server undoes its statement and its transaction, and releases its locks. */
export function endSession(id: number): string {
  return `KILL ${id}`
}
