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

  /** Like `onConnect`, with a callback that takes an error or nothing. Called after `onConnect`. */
  readonly verify?: (client: LeasedConnection, done: (error?: Error | null) => void) => void

  /** Called with the name and the data of every event of the pool of connections, and of `primary:changed`. */
  readonly log?: (event: string, what: object) => void
}

/** The names of all hooks. */
export const HOOKS = ['onConnect', 'verify', 'log'] as const

/** Messages about hooks that are not functions. */
export function hookProblems(hooks: { readonly [Name in keyof ConnectionHooks]?: unknown }): string[] {
  return HOOKS.filter((name) => !['undefined', 'function'].includes(typeof hooks[name])).map(
    (name) => `"${name}" must be a function, got ${show(hooks[name])}`,
  )
}

/**
 * Passes a connection to the program's hooks, if it is new or has lost the settings that the hooks made. An error of a
 * hook, or an abort of the signal, ends the attempt.
 *
 * @throws whatever a hook throws, rejects with or calls back with
 */
export async function greet(
  server: ServerConnection,
  { onConnect, verify }: ConnectionHooks,
  signal: AbortSignal,
): Promise<void> {
  // Settings made here must stay, so nothing is recorded for a reset.
  const client = LeasedConnection.lentFor(server)
  const greeting = async (): Promise<void> => {
    await onConnect?.(client)
    if (verify !== undefined) await calledBack((done) => verify(client, done))
  }
  try {
    await orAbort(greeting(), signal)
  } finally {
    LeasedConnection.endCheckout(client)
  }
}

/** @throws {ConnectionError} the hooks have left the connection in a state in which it can't be used */
export function checkGreeted(server: ServerConnection): void {
  if (server.hasEnded) throw new ConnectionError('the connection has ended in "onConnect" or "verify"')
  if (server.isInTransaction)
    throw new ConnectionError('"onConnect" has left a transaction open', { retryable: false })
}

/** Settles once, however often the callback is called. If the hook also returns a promise, its rejection counts too. */
function calledBack(work: (done: (error?: Error | null) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const answer = work((error) => (error ? reject(error) : resolve()))
    Promise.resolve(answer).catch(reject)
  })
}
