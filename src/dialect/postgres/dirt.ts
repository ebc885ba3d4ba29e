import {
  CLOSE_CURSORS,
  DEALLOCATE_SQL,
  DISCARD_TEMP,
  RESET_SESSION,
  ROLLBACK,
  UNLISTEN_ALL,
  UNLOCK_ALL,
} from './postgres-sql.js'
import type { ServerConnection } from './server-connection.js'

/**
 * What in a statement's text tells that it may leave something behind. SET begins a statement, or it is that of an UPDATE;
 * what is set for a transaction ends with it, as locks of a transaction do.
 */
const TRACES = {
  locks: /advisory_(?!xact_)/i,
  listening: /\blisten\b/i,
  settings: /(?:^(?:\s*--[^\n]*\n)*|;|\*\/)\s*set\s+(?!local\b|transaction\b|constraints\b)|\bset_config\b/i,
  temporary: /\b(?:create|into)\s+(?:(?:global|local|unlogged)\s+)*temp(?:orary)?\b|\bpg_temp\b/i,
  cursors: /\bwith\s+hold\b/i,
  prepared: /\bprepare\s+(?!transaction\b)/i,
} as const

/** How what was left is cleaned, and what it is called. Whether there was any is not asked: cleaning costs as much. */
const CLEANERS = [
  ['listening', 'a subscription', UNLISTEN_ALL],
  ['cursors', 'open cursors', CLOSE_CURSORS],
  ['prepared', 'prepared statements', DEALLOCATE_SQL],
  ['temporary', 'temporary tables', DISCARD_TEMP],
  ['settings', 'changed settings', RESET_SESSION],
] as const

type Trace = keyof typeof TRACES

const ALL_TRACES = Object.entries(TRACES) as [Trace, RegExp][]

/**
 * What borrowers may have left on a connection. It is told from the text of their statements, because asking the server
 * after every use would cost every clean return a round trip. A lock that is taken inside a function of the borrower's
 * own is not seen.
 */
export class Dirt {
  readonly #seen = new Set<Trace>()

  look(text: string | undefined): void {
    if (typeof text !== 'string') return
    for (const [trace, pattern] of ALL_TRACES) if (pattern.test(text)) this.#seen.add(trace)
  }

  /** Null if there is nothing. Otherwise cleans, and tells what was found; rejects if it can't. */
  clean(server: ServerConnection): Promise<readonly string[]> | null {
    return this.#seen.size > 0 || server.isInTransaction || server.inFlight > 0 ? this.#clean(server) : null
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
    if (this.#seen.has('locks')) {
      const { rows } = await server.query<{ count: number }>(UNLOCK_ALL)
      const count = rows[0]?.count ?? 0
      if (count > 0) found.push(`${count} advisory lock${count === 1 ? '' : 's'}`)
    }
    for (const [trace, name, statement] of CLEANERS) {
      if (!this.#seen.has(trace)) continue
      found.push(name)
      await server.query(statement)
    }
    this.#seen.clear()
    return found
  }
}
