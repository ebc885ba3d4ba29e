import { hostname } from 'node:os'
import type { HelpRow } from '../help-row.js'
import type { LockMode } from '../../dialect/lock-key.js'
import type { Held } from './held.js'

export const CHILD_ENVIRONMENT: readonly HelpRow[] = [
  ['LOCKPOOL_KEY, LOCK_KEY', 'set for CMD: KEY as it was given; several keys on a line each'],
  [
    'LOCKPOOL_TOKEN, LOCK_TOKEN',
    'set for CMD: the fencing token, empty if the database has none; of several keys separated by spaces',
  ],
  ['LOCKPOOL_PERMIT', 'set for CMD: with --permits the number of the permit, from 1 to N; otherwise empty'],
  ['LOCKPOOL_MODE', 'set for CMD: exclusive or shared'],
  ['LOCKPOOL_HOLDER, LOCK_HOLDER', 'set for CMD: the process that keeps the lock, as process@host'],
]

/** The variables that tell the command about its lock. The short names are those that other lock commands use. */
export function childEnvironment(
  names: readonly string[],
  mode: LockMode,
  held: Pick<Held, 'tokenText' | 'permit'>,
): Readonly<Record<string, string>> {
  const key = names.join('\n')
  const token = held.tokenText ?? ''
  const holder = `${process.pid}@${hostname()}`
  return {
    LOCKPOOL_KEY: key,
    LOCKPOOL_TOKEN: token,
    // Set even if it is empty: a run inside of another run would inherit it.
    LOCKPOOL_PERMIT: held.permit === null ? '' : String(held.permit),
    LOCKPOOL_MODE: mode,
    LOCKPOOL_HOLDER: holder,
    LOCK_KEY: key,
    LOCK_TOKEN: token,
    LOCK_HOLDER: holder,
  }
}
