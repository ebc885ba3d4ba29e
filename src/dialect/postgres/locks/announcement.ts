import type { TableUse } from '../../dialect.js'
import {
  ANNOUNCE_POOL,
  ANNOUNCE_SHARE,
  TABLE_USE,
  WITHDRAW_POOL,
  WITHDRAW_SHARE,
} from './announcement-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'

/**
 * Another session may hold the exact number exclusively; then the next number is used. A share then is slightly too
 * large, and a pool has another number. A user that wants to block all of them fills the lock table with its own locks.
 */
const NUMBERS_TO_TRY = 16

/** The numbers that a session has announced. */
interface Said {
  readonly pool: number
  readonly share: number
}

/**
 * The announcement of one session. It is made before the announcements of other pools are read, and withdrawn only
 * afterwards.
 */
export class Announcement {
  readonly #server: ServerConnection
  readonly #pool: number
  #share = 0
  /** The current announcement. */
  #said: Said | null = null
  #last: Promise<void> = Promise.resolve()

  constructor(server: ServerConnection, sender: string) {
    this.#server = server
    this.#pool = poolNumber(sender)
  }

  /**
   * Changes the announcement. The previous one stays until the new one is made, and also if that fails. Changes run one
   * at a time.
   */
  change(share: number): Promise<void> {
    const changed = this.#last.then(() => this.#changeTo(share))
    this.#last = changed.catch(() => undefined)
    return changed
  }

  async #changeTo(share: number): Promise<void> {
    if (share === this.#share) return
    const before = this.#said
    const said = share === 0 ? null : await this.#say(before, share)
    this.#share = share
    this.#said = said
    await this.#withdraw(before, said)
  }

  async #say(before: Said | null, share: number): Promise<Said> {
    // Nearly always the first numbers are free, so both announcements take one round trip.
    const [pool, entries] = await Promise.all([
      before?.pool ?? this.#firstFree(ANNOUNCE_POOL, this.#pool),
      this.#firstFree(ANNOUNCE_SHARE, share),
    ])
    return { pool, share: entries }
  }

  async #firstFree(statement: string, wanted: number): Promise<number> {
    for (let i = 0; i < NUMBERS_TO_TRY; i++) {
      const number = (wanted + i) | 0
      const { rows } = await this.#server.query<{ is_said: boolean }>(statement, [number])
      if (rows[0]!.is_said) return number
    }
    throw new Error('other sessions hold all the numbers for an announcement')
  }

  async #withdraw(before: Said | null, now: Said | null): Promise<void> {
    if (before === null) return
    const steps: Promise<unknown>[] = [this.#server.query(WITHDRAW_SHARE, [before.share])]
    if (now === null) steps.push(this.#server.query(WITHDRAW_POOL, [before.pool]))
    await Promise.all(steps)
  }
}

/** What other pools announce, from the point of view of the pool `sender` with its sessions `ours`. */
export async function tableUse(
  server: ServerConnection,
  sender: string,
  ours: readonly number[],
): Promise<TableUse> {
  const { rows } = await server.query<TableUse>(TABLE_USE, [ours, poolNumber(sender) >>> 0])
  return rows[0]!
}

/**
 * 32 of the 48 bits of a sender. Two pools with the same number would count as one; the chance is one in four thousand
 * million.
 */
function poolNumber(sender: string): number {
  return Number(BigInt.asIntN(32, BigInt(parseInt(sender, 36) || 0)))
}
