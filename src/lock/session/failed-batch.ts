import type { LockLink } from '../../dialect/dialect.js'
import type { Client } from './departure.js'

/**
 * A batch that fails half-way has taken locks all the same: this makes the server agree with what is believed before
 * anything else is sent. Answers the clients that have lost something: the server does not have it, though it should.
 */
export async function recover(link: LockLink, clients: () => readonly Client[]): Promise<readonly Client[]> {
  const missing = await link.reconcile(clients().flatMap((client) => client.holding()))
  if (missing.length === 0) return []
  const gone = new Set(missing.map(({ key }) => key.id))
  // Others have come and gone meanwhile.
  return clients().filter((client) => client.holding().some(({ key }) => gone.has(key.id)))
}

/** In words, for those who lose a key by it. */
export const NO_LONGER_HELD = 'the server no longer had it after a failed batch'
