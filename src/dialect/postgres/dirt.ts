import { RESET_SESSION, ROLLBACK, UNLISTEN_ALL, UNLOCK_ALL } from './postgres-sql.js'
import type { ServerConnection } from './server-connection.js'

/**
 * What in a statement's text tells that it may leave something behind. SET begins a statement, or it is that of an UPDATE;
 * what is set for a transaction ends with it, as locks of a transaction do.
 */
const TRACES = {
  locks: /advisory_(?!xact_)/i,
  listening: /\blisten\b/i,
  settings: /(?:^(?:\s*--[^\n]*\n)*|;|\*\/)\s*set\s+(?!local\b|transaction\b|constraints\b)|\bset_config\b/i,
} as const

/**
 * What borrowers may have left on a connection. It is told from the text of their statements, because asking the server
 * after every use would cost every clean return a round trip. A lock that is taken inside a function of the borrower's
 * own is not seen.
 */
export class Dirt {
  #locks = false
  #listening = false
  #settings = false

  look(text: string | undefined): void {
    if (typeof text !== 'string') return
    this.#locks ||= TRACES.locks.test(text)
    this.#listening ||= TRACES.listening.test(text)
    this.#settings ||= TRACES.settings.test(text)
  }

  /** Null if there is nothing. Otherwise cleans, and tells what was found; rejects if it can't. */
  clean(server: ServerConnection): Promise<readonly string[]> | null {
    const isSuspect = this.#locks || this.#listening || this.#settings
    return isSuspect || server.isInTransaction || server.inFlight > 0 ? this.#clean(server) : null
  }

  async #clean(server: ServerConnection): Promise<readonly string[]> {
    const found: string[] = []
    if (server.inFlight > 0) {
      found.push(`${server.inFlight} statement${server.inFlight === 1 ? '' : 's'} under way`)
      // Answers come in order: behind this one nothing else is under way, and the transaction status is the last word.
      await server.query('')
    }
    if (server.isInTransaction) {
      found.push('an open transaction')
      await server.query(ROLLBACK)
    }
    if (this.#locks) {
      const { rows } = await server.query<{ count: number }>(UNLOCK_ALL)
      const count = rows[0]?.count ?? 0
      if (count > 0) found.push(`${count} advisory lock${count === 1 ? '' : 's'}`)
    }
    if (this.#listening) await server.query(UNLISTEN_ALL)
    if (this.#settings) await server.query(RESET_SESSION)
    this.#locks = this.#listening = this.#settings = false
    return found
  }
}
