import { ConnectionError } from '../../../base/errors.js'
import { orAbort } from '../../../base/or-abort.js'
import { show } from '../../../base/options.js'
import { LeasedConnection } from './leased-connection.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** Hooks of the program, with the names that a `pg.Pool` has for them. */
export interface ConnectionHooks {
  /**
   * Called with each new connection before its first use, and awaited: for settings, or a check. If it fails, opening the
   * connection fails, and its time counts towards the limit for opening. It is called again after a borrower may have left
   * settings or the like, because cleaning removes them, together with what this hook has set.
   */
  readonly onConnect?: (client: LeasedConnection) => unknown

  /** The same with a callback that takes an error, or nothing. Called after `onConnect`. */
  readonly verify?: (client: LeasedConnection, done: (error?: Error | null) => void) => void

  /** Called with the name and the data of every event of the pool of connections, and of `primary:changed`. */
  readonly log?: (event: string, what: object) => void
}

/** Their names. */
export const HOOKS = ['onConnect', 'verify', 'log'] as const

/** What is wrong with them, in words. */
export function hookProblems(hooks: { readonly [Name in keyof ConnectionHooks]?: unknown }): string[] {
  return HOOKS.filter((name) => !['undefined', 'function'].includes(typeof hooks[name])).map(
    (name) => `"${name}" must be a function, got ${show(hooks[name])}`,
  )
}

/**
 * Lets the program have a connection that nobody has had yet, or that has lost what it was given there. Whatever these do
 * wrong ends the attempt, and so does the signal.
 *
 * @throws whatever they throw, reject with or call back
 */
export async function greet(
  server: ServerConnection,
  { onConnect, verify }: ConnectionHooks,
  signal: AbortSignal,
): Promise<void> {
  // What is set here is to stay, so nobody looks for dirt.
  const client = LeasedConnection.lentFor(server)
  const greeting = async (): Promise<void> => {
    await onConnect?.(client)
    if (verify !== undefined) await calledBack((done) => verify(client, done))
  }
  try {
    await orAbort(greeting(), signal)
  } finally {
    LeasedConnection.endLoan(client)
  }
}

/** @throws {ConnectionError} what it was left as is nothing to lend. */
export function checkGreeted(server: ServerConnection): void {
  if (server.hasEnded) throw new ConnectionError('the connection has ended in "onConnect" or "verify"')
  if (server.isInTransaction)
    throw new ConnectionError('"onConnect" has left a transaction open', { retryable: false })
}

/** Once, however often it is called; and a promise that is not asked for may reject as well. */
function calledBack(work: (done: (error?: Error | null) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const answer = work((error) => (error ? reject(error) : resolve()))
    Promise.resolve(answer).catch(reject)
  })
}
