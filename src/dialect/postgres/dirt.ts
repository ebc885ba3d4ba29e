import {
  CLOSE_CURSORS,
  DEALLOCATE_ALL,
  DEALLOCATE_SQL,
  DISCARD_TEMP,
  LEFT_CURSORS,
  LEFT_LOCKS,
  LEFT_PREPARED,
  LEFT_SETTINGS,
  LEFT_SUBSCRIPTIONS,
  LEFT_TEMPORARY,
  RESET_SESSION,
  ROLLBACK,
  UNLISTEN_ALL,
  UNLOCK_ALL,
} from './dirt-sql.js'
import type { ServerConnection } from './server-connection.js'

/**
 * What in a statement's text tells that it may leave something behind. SET begins a statement, or it is that of an UPDATE;
 * what is set for a transaction ends with it, as locks of a transaction do.
 */
const TRACES = {
  settings: /(?:^(?:\s*--[^\n]*\n)*|;|\*\/)\s*set\s+(?!local\b|transaction\b|constraints\b)|\bset_config\b/i,
  locks: /advisory_(?!xact_)/i,
  listening: /\blisten\b/i,
  temporary: /\b(?:create|into)\s+(?:(?:global|local|unlogged)\s+)*temp(?:orary)?\b|\bpg_temp\b/i,
  cursors: /\bwith\s+hold\b/i,
  prepared: /\bprepare\s+(?!transaction\b)/i,
  deallocated: /\b(?:deallocate\s+(?:prepare\s+)?|discard\s+)all\b/i,
} as const

type Trace = keyof typeof TRACES

/**
 * How what a trace tells of is looked for, called, and cleaned. Settings come first: what follows is then run by the role
 * and in the search path of the pool. There need be nothing: whoever listens may have stopped listening himself.
 */
const CLEANERS = [
  ['settings', LEFT_SETTINGS, 'changed settings', RESET_SESSION],
  ['locks', LEFT_LOCKS, 'advisory locks', UNLOCK_ALL],
  ['listening', LEFT_SUBSCRIPTIONS, 'subscriptions', UNLISTEN_ALL],
  ['cursors', LEFT_CURSORS, 'open cursors', CLOSE_CURSORS],
  ['prepared', LEFT_PREPARED, 'prepared statements', DEALLOCATE_SQL],
  ['temporary', LEFT_TEMPORARY, 'temporary tables', DISCARD_TEMP],
] as const

const ALL_TRACES = Object.entries(TRACES) as [Trace, RegExp][]

/** What each text was found to have, because programs send the same texts again and again. Begun anew when it is full. */
const known = new Map<string, readonly Trace[]>()

const KNOWN = 1000

/** Longer texts are mostly data, which differs every time. */
const LONGEST_KNOWN = 10_000

/** Of very many of a kind, this many are named. */
const NAMED = 10

/**
 * What borrowers may have left on a connection. It is told from the text of their statements, because asking the server
 * after every use would cost every clean return a round trip. A lock that is taken inside a function of the borrower's
 * own is not seen.
 */
export class Dirt {
  readonly #seen = new Set<Trace>()

  /** Of a statement whose text is not known anything may be left. */
  look(text: string | undefined): void {
    for (const trace of tracesOf(text)) this.#seen.add(trace)
  }

  /** Null if there can be nothing. Otherwise cleans, and tells what was found; rejects if it can't. */
  clean(server: ServerConnection): Promise<readonly string[]> | null {
    const isAtRest = server.comeToRest()
    return isAtRest && !server.isInTransaction && this.#seen.size === 0 ? null : this.#clean(server, isAtRest)
  }

  async #clean(server: ServerConnection, isAtRest: boolean): Promise<readonly string[]> {
    const found: string[] = []
    if (!isAtRest) {
      if (server.inFlight > 0) found.push(underWay(server.inFlight))
      else if (!server.client.pipeline) found.push('a cursor that was not closed')
      // An error is told before its statement is over. Answers come in order: behind this one nothing else is under way, and the transaction status is the last word.
      await server.query('')
      server.comeToRest()
    }
    if (server.isInTransaction) found.push('an open transaction')
    // One flight for all of it.
    const cleaned = Promise.all([
      server.isInTransaction ? server.query(ROLLBACK) : null,
      ...CLEANERS.filter(([trace]) => this.#seen.has(trace)).map(async ([, look, what, clean]) => {
        const [{ rows }] = await Promise.all([server.query<{ names: string[] }>(look), server.query(clean)])
        return { what, names: rows[0]!.names }
      }),
    ])
    // Behind the reset of all settings, which takes our own with it.
    const checked = this.#seen.has('settings') ? server.setClientCheck() : null
    const [[, ...left]] = await Promise.all([cleaned, checked])
    for (const { what, names } of left) if (names.length > 0) found.push(`${what}: ${inWords(names)}`)
    if (this.#seen.has('deallocated')) {
      found.push('deallocated statements')
      // The driver believes that its own are still there. Now none is, and it knows.
      await server.query(DEALLOCATE_ALL)
      server.forgetStatements()
    }
    this.#seen.clear()
    return found
  }
}

function tracesOf(text: string | undefined): readonly Trace[] {
  if (text === undefined) return ALL_TRACES.map(([trace]) => trace)
  let traces = known.get(text)
  if (traces === undefined) {
    traces = ALL_TRACES.filter(([, pattern]) => pattern.test(text)).map(([trace]) => trace)
    if (text.length > LONGEST_KNOWN) return traces
    if (known.size >= KNOWN) known.clear()
    known.set(text, traces)
  }
  return traces
}

function underWay(statements: number): string {
  return `${statements} statement${statements === 1 ? '' : 's'} under way`
}

function inWords(names: readonly string[]): string {
  const more = names.length > NAMED ? [`and ${names.length - NAMED} more`] : []
  return [...names.slice(0, NAMED), ...more].join(', ')
}
