import { Seal, secretName } from './sealed-message.js'
import { CREATE_SECRET, FILL_SECRET, FIND_SECRET, HIDE_SECRET, READ_SECRET } from './secret-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** The channel on which every role may listen and notify, for processes that can't read the secret. */
export const PUBLIC_CHANNEL = 'lockpool_1'

/** A channel whose name other roles can't guess, and a seal for the case that they learn the name. */
interface Secret {
  readonly channel: string
  readonly seal: Seal
}

interface SecretRow {
  readonly is_there: boolean
  readonly may_read: boolean
  readonly may_fill: boolean
  readonly may_make: boolean
  readonly database: string
}

/**
 * How the processes of one database send each other messages. Processes whose roles may read the secret in schema
 * `lockpool` share a channel with a secret name, so no other role can notify, listen or flood there. Wake-ups are also
 * sent on the public channel, for processes that can't read the secret. Messages whose content must be genuine are sent
 * only sealed.
 */
export class PostgresChannel {
  #secret: Secret | null = null

  /** The channel on which a process listens. */
  get name(): string {
    return this.#secret?.channel ?? PUBLIC_CHANNEL
  }

  /** The channel on which wake-ups are sent in addition to the public one, or null. */
  get secretName(): string | null {
    return this.#secret?.channel ?? null
  }

  /** Seals a message. Returns null if there is no secret, or if the message is too long. */
  seal(message: string): string | null {
    return this.#secret === null ? null : this.#secret.seal.close(message)
  }

  /** Opens a sealed message. Returns null if its sender does not know the secret. */
  unseal(sealed: string): string | null {
    return this.#secret === null ? null : this.#secret.seal.open(sealed)
  }

  /**
   * Reads the secret while a lock session is set up. Locks don't need it, so any obstacle only means that there is no
   * secret. With `mayMake`, it also creates the table if the schema exists and the table doesn't.
   */
  async learn(server: ServerConnection, mayMake: boolean): Promise<void> {
    try {
      const { rows } = await server.query<SecretRow>(FIND_SECRET)
      const value = rows[0] === undefined ? null : await readSecret(server, rows[0], mayMake)
      this.#use(value, rows[0]?.database ?? '')
    } catch {
      // Another session may have locked the table, or is dropping it.
      this.#secret = null
    }
  }

  #use(value: Buffer | null, database: string): void {
    if (value === null) {
      this.#secret = null
      return
    }
    const channel = `lockpool_${secretName(value, database)}`
    if (channel !== this.#secret?.channel)
      this.#secret = { channel, seal: new Seal(value, `${database} ${channel}`) }
  }
}

/** Returns null if the secret can't be read. */
async function readSecret(
  server: ServerConnection,
  row: SecretRow,
  mayMake: boolean,
): Promise<Buffer | null> {
  const isToMake = !row.is_there && row.may_make && mayMake
  if (isToMake) await server.query([CREATE_SECRET, HIDE_SECRET, FILL_SECRET].join(';'))
  else if (!row.may_read) return null
  const read = async (): Promise<Buffer | null> => {
    const { rows } = await server.query<{ value: string }>(READ_SECRET)
    return rows[0] === undefined ? null : Buffer.from(rows[0].value, 'hex')
  }
  const value = await read()
  if (value !== null || !row.may_fill) return value
  // The table exists but is empty, for example after a restore without data.
  await server.query(FILL_SECRET)
  return read()
}
