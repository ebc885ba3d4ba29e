import type { ConnectionOptions } from 'mysql2'
import { systemClock, type Clock } from '../../../base/clock.js'
import { orAbort } from '../../../base/or-abort.js'
import type { Driver } from './driver.js'
import { ServerConnection } from './server-connection.js'
import { endSession, RUNS_STATEMENT } from './session-sql.js'

/** A session whose own connection is closed already, and the way to its server. */
export interface AbandonedSession {
  readonly id: number
  /** The server, as `ServerConnection.server` names it. */
  readonly server: string
  readonly config: ConnectionOptions
}

/** All attempts together may take this time. Until then the timer keeps the process alive. */
const LIMIT_MS = 2000

/** A balancer may lead each connection to another server. */
const MOST_ATTEMPTS = 4

/**
 * Ends a session at the server, on another connection: a server that runs a statement does not notice that its client
 * has gone, and keeps all locks of the transaction until the statement is over. Call this only for a session whose own
 * connection is closed: then it can't hit another statement. Another server may have a session with the same id, so
 * this checks which server has answered. Never rejects.
 */
export async function endAbandonedSession(
  driver: Driver,
  session: AbandonedSession,
  clock: Clock = systemClock,
): Promise<void> {
  const limit = new AbortController()
  const cancel = clock.after(LIMIT_MS, () => limit.abort())
  try {
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++)
      if (await attemptToEnd(driver, session, limit.signal)) return
  } catch {
    // The server can't be reached, or does not answer: then it ends the session by itself, later.
  } finally {
    cancel()
  }
}

/** Returns false if another server has answered. */
async function attemptToEnd(
  driver: Driver,
  { id, server, config }: AbandonedSession,
  signal: AbortSignal,
): Promise<boolean> {
  const connection = await ServerConnection.open(driver, config, signal)
  try {
    await orAbort(connection.findServer(), signal)
    if (connection.server !== server) return false
    const running = await orAbort(connection.say(RUNS_STATEMENT, [id]), signal)
    if (running.length > 0) await orAbort(connection.say(endSession(id)), signal)
    await orAbort(connection.close(), signal)
    return true
  } finally {
    connection.destroy()
  }
}
