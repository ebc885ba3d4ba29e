import type { Queryable } from '../../dialect/queryable.js'
import type { ServerSettings } from '../client/client-settings.js'
import { READ_IDENTITY, READ_SETTINGS } from './facts-sql.js'

/** Settings that each session has for itself. The values of the session that reads the facts are not useful. */
const OF_A_NEW_SESSION: Readonly<Record<string, string>> = {
  application_name: '',
  client_encoding: 'UTF8',
}

/** Settings that are not in `pg_settings`. */
const MORE: Readonly<Record<string, string>> = { role: 'none', session_authorization: 'default' }

/** The server's facts about itself. They are read once, so the front can answer questions about them without a round trip. */
export class ServerFacts implements ServerSettings {
  readonly version: string
  readonly database: string
  readonly #shown = new Map<string, string>()
  readonly #proper = new Map<string, string>()

  constructor(
    identity: { readonly version: string; readonly database: string },
    settings: Iterable<readonly [name: string, shown: string]>,
  ) {
    this.version = identity.version
    this.database = identity.database
    for (const [name, shown] of settings) {
      const key = name.toLowerCase()
      this.#proper.set(key, name)
      this.#shown.set(key, OF_A_NEW_SESSION[key] ?? shown)
    }
    for (const [name, shown] of Object.entries(MORE)) this.#shown.set(name, shown)
  }

  shown(name: string): string | undefined {
    return this.#shown.get(name)
  }

  properName(name: string): string {
    return this.#proper.get(name) ?? name
  }
}

export async function readServerFacts(connection: Queryable): Promise<ServerFacts> {
  const { rows } = await connection.query(READ_IDENTITY)
  const settings = await connection.query(READ_SETTINGS)
  const [identity] = rows as { version: string; database: string }[]
  const pairs = (settings.rows as { name: string; shown: string | null }[]).map(
    ({ name, shown }) => [name, shown ?? ''] as const,
  )
  return new ServerFacts(identity!, pairs)
}
