import type { TableUse } from '../dialect.js'
import { ANNOUNCE_POOL, ANNOUNCE_SHARE, TABLE_USE, WITHDRAW_POOL, WITHDRAW_SHARE } from './postgres-sql.js'
import type { ServerConnection } from './server-connection.js'

/** What one session announces of its pool: taken before what all announce is looked at, given up only after. */
export class Announcement {
  readonly #server: ServerConnection
  readonly #pool: number
  #share = 0

  constructor(server: ServerConnection, sender: string) {
    this.#server = server
    this.#pool = poolNumber(sender)
  }

  /** What was announced before stands until the new is: where that fails, it still does. */
  async change(share: number): Promise<TableUse> {
    const before = this.#share
    const use = await this.#announce(before, share)
    this.#share = share
    await this.#withdraw(before, share)
    return use
  }

  async #announce(before: number, share: number): Promise<TableUse> {
    const steps: Promise<unknown>[] = []
    if (before === 0 && share > 0) steps.push(this.#server.query(ANNOUNCE_POOL, [this.#pool]))
    if (before !== share && share > 0) steps.push(this.#server.query(ANNOUNCE_SHARE, [share]))
    const look = this.#server.query<TableUse>(TABLE_USE, [this.#pool >>> 0])
    await Promise.all([...steps, look])
    return (await look).rows[0]!
  }

  async #withdraw(before: number, share: number): Promise<void> {
    if (before === share || before === 0) return
    const steps = [this.#server.query(WITHDRAW_SHARE, [before])]
    if (share === 0) steps.push(this.#server.query(WITHDRAW_POOL, [this.#pool]))
    await Promise.all(steps)
  }
}

/** 32 bits of the 48 that a sender has. Two pools of one number would count as one, a chance of one in four thousand million. */
function poolNumber(sender: string): number {
  return Number(BigInt.asIntN(32, BigInt(parseInt(sender, 36) || 0)))
}
