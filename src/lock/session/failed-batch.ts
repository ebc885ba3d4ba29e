import type { LockLink } from '../../dialect/dialect.js'
import type { Client } from './outgoing-batch.js'

/**
 * A batch that fails halfway has taken locks: this makes the server hold what the session believes before anything else
 * is sent. Returns the users that have lost a lock: the server does not have it, although it should.
 */
export async function recover(link: LockLink, clients: () => readonly Client[]): Promise<readonly Client[]> {
  const missing = await link.reconcile(clients().flatMap((client) => client.holding()))
  if (missing.length === 0) return []
  const gone = new Set(missing.map(({ key }) => key.id))
  // Other users may have come and gone meanwhile.
  return clients().filter((client) => client.holding().some(({ key }) => gone.has(key.id)))
}

/** The reason in words, for the holders that lose a lock. */
export const NO_LONGER_HELD = 'the server no longer had it after a failed batch'
