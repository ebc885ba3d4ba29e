import type { Holding, LockLink } from '../dialect/dialect.js'
import type { Client } from './session-host.js'

/** What a batch that failed has left behind. */
export interface Aftermath {
  /** Those whose keys the server does not have, though it should. */
  readonly losers: readonly Client[]
  /** The ids of these keys. */
  readonly gone: ReadonlySet<string>
}

/**
 * A batch that fails half-way has taken locks all the same: this makes the server agree with what is believed before
 * anything else is sent. What is in `unsent`, and waits for its turn to be sent, has not happened: a lock that is about to
 * be released is still held.
 */
export async function recover(
  link: LockLink,
  clients: () => readonly Client[],
  unsent: () => ReadonlySet<unknown>,
): Promise<Aftermath> {
  const missing = await link.reconcile(expected(clients(), unsent()).flatMap(({ holdings }) => holdings))
  const gone = new Set(missing.map(({ key }) => key.id))
  if (gone.size === 0) return { losers: [], gone }
  // Others have come and gone meanwhile.
  const losers = expected(clients(), unsent())
    .filter(({ holdings }) => holdings.some(({ key }) => gone.has(key.id)))
    .map(({ client }) => client)
  return { losers, gone }
}

function expected(
  clients: readonly Client[],
  unsent: ReadonlySet<unknown>,
): { readonly client: Client; readonly holdings: readonly Holding[] }[] {
  return clients.map((client) => ({ client, holdings: client.holding(unsent.has(client)) }))
}

/** In words, for those who lose a key by it. */
export const NO_LONGER_HELD = 'the server no longer had it after a failed batch'
