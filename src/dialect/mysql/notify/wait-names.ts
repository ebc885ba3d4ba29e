import type { OwnRow, ServerConnection } from '../connection/server-connection.js'
import { waitName } from '../keys/lock-names.js'
import { TAKE_NAME } from './notify-sql.js'

/**
 * The names that lock sessions hold for the listening connection, which waits for one of them. Each session takes its own
 * name once, and holds it until its end or reset. No session ever waits for a name that a listening connection holds, so
 * the wait cannot be part of a deadlock.
 */
export class WaitNames {
  readonly #holders = new Set<ServerConnection>()
  /** Requests that are not answered yet. They do not reject. */
  readonly #requests = new Map<ServerConnection, Promise<boolean>>()

  isHeldBy(session: ServerConnection): boolean {
    return this.#holders.has(session)
  }

  /** Resolves with whether the session holds its name. */
  take(session: ServerConnection): Promise<boolean> {
    const known = this.#requests.get(session)
    if (known !== undefined) return known
    const request = session.say(TAKE_NAME, [waitName(session.threadId)]).then(
      (rows) => isTaken(rows[0], session),
      () => false,
    )
    this.#requests.set(session, request)
    return request.then((isHeld) => {
      // In the meantime the session may have been reset.
      if (this.#requests.get(session) !== request) return false
      this.#requests.delete(session)
      if (isHeld) this.#holders.add(session)
      return isHeld
    })
  }

  /** The session does not hold its name any more. */
  lost(session: ServerConnection): void {
    this.#holders.delete(session)
    this.#requests.delete(session)
  }
}

function isTaken(row: OwnRow | undefined, session: ServerConnection): boolean {
  return Number(row?.[0]) === 1 && Number(row?.[1]) === session.threadId
}
