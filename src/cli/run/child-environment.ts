import { hostname } from 'node:os'
import type { HelpRow } from '../command.js'
import type { Lock } from '../../lock/lock.js'

export const CHILD_ENVIRONMENT: readonly HelpRow[] = [
  ['LOCKPOOL_KEY, LOCK_KEY', 'set for CMD: KEY as it was given'],
  ['LOCKPOOL_TOKEN, LOCK_TOKEN', 'set for CMD: the fencing token, empty if the database gives none'],
  ['LOCKPOOL_MODE', 'set for CMD: exclusive or shared'],
  ['LOCKPOOL_HOLDER, LOCK_HOLDER', 'set for CMD: who keeps the lock, as process@host'],
]

/** What the command is told about its lock. The short names are those that other lock commands use. */
export function childEnvironment(
  name: string,
  lock: Pick<Lock, 'mode' | 'tokenText'>,
): Readonly<Record<string, string>> {
  const token = lock.tokenText ?? ''
  const holder = `${process.pid}@${hostname()}`
  return {
    LOCKPOOL_KEY: name,
    LOCKPOOL_TOKEN: token,
    LOCKPOOL_MODE: lock.mode,
    LOCKPOOL_HOLDER: holder,
    LOCK_KEY: name,
    LOCK_TOKEN: token,
    LOCK_HOLDER: holder,
  }
}
