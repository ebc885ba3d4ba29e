import { Seal, secretName } from './sealed-message.js'
import { CREATE_SECRET, FILL_SECRET, FIND_SECRET, HIDE_SECRET, READ_SECRET } from './secret-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** Where everybody may listen and notify: for processes that do not know the secret. */
export const PUBLIC_CHANNEL = 'lockpool_1'

/** A channel that strangers can't name, and a seal for those who come to know its name all the same. */
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
 * Where the processes of one database tell each other things, as a pool knows it. Those whose roles may read the secret in
 * schema `lockpool` share a channel that nobody else can find, so nobody else can ring, claim, listen or flood there. A ring
 * is given on the public channel as well, for those who do not know the secret; what has to be true is told only under it.
 */
export class PostgresChannel {
  #secret: Secret | null = null

  /** Where to listen. */
  get name(): string {
    return this.#secret?.channel ?? PUBLIC_CHANNEL
  }

  /** The channel that a ring is given on besides the public one, or null. */
  get secretName(): string | null {
    return this.#secret?.channel ?? null
  }

  /** Null if it can't be told, because there is no secret, or it is too long. */
  seal(message: string): string | null {
    return this.#secret === null ? null : this.#secret.seal.close(message)
  }

  /** Null if it comes from nobody who knows the secret. */
  unseal(sealed: string): string | null {
    return this.#secret === null ? null : this.#secret.seal.open(sealed)
  }

  /**
   * Reads the secret, as a lock session is made. Locks need none, so whatever is in the way, it is done without.
   * `mayMake`: the table of it too, where the schema is and it is not.
   */
  async learn(server: ServerConnection, mayMake: boolean): Promise<void> {
    try {
      const { rows } = await server.query<SecretRow>(FIND_SECRET)
      const value = rows[0] === undefined ? null : await readSecret(server, rows[0], mayMake)
      this.#use(value, rows[0]?.database ?? '')
    } catch {
      // Somebody has it locked, or drops it just now.
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

/** Null if there is none to be had. */
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
  // Restored without its contents.
  await server.query(FILL_SECRET)
  return read()
}
