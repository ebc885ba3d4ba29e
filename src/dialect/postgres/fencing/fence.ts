import type { LinkSettings } from '../../dialect.js'
import type { BatchReply } from '../../lock-operation.js'
import type { PermitReply, TakenPermit } from '../../permit-operation.js'
import { isGreaterToken } from '../../seen-tokens.js'
import { explain, inWords, sqlState } from '../connection/server-errors.js'
import {
  findObjects,
  WHILE_HOLDING_LOCKS,
  CREATE_NOTHING,
  useSchema,
  type SchemaFacts,
} from '../schema/schema.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { DRAW } from '../timeline/timeline-sql.js'

/**
 * SQLSTATEs of errors that come from the sequence: another session has locked it; it or the schema was dropped; it is
 * not a sequence; this role may not use it; it is exhausted.
 */
const FAULTS: ReadonlySet<string> = new Set([
  ...['55P03', '42P01', '3F000', 'XX000', '42809', '42501', '2200H', '55000', '25006'],
])

/**
 * Draws the tokens of one lock session. The sequence may be dropped, locked or reset while the session lives. That must
 * not harm locks: the session then continues without tokens, and looks for the sequence again.
 */
export class PostgresFence {
  readonly #server: ServerConnection
  readonly #settings: LinkSettings
  #oid: string | null
  #noFencing: string | null
  /** Each further token of this session must be larger than this. Its statements draw one after the other. */
  #last: string

  constructor(server: ServerConnection, { fence, noFencing, last }: SchemaFacts, settings: LinkSettings) {
    this.#server = server
    this.#settings = settings
    this.#oid = fence
    this.#noFencing = noFencing
    this.#last = this.#atLeast(last)
  }

  /** The oid of the sequence, or null while there are no tokens. */
  get oid(): string | null {
    return this.#oid
  }

  get noFencing(): string | null {
    return this.#noFencing
  }

  /**
   * Checks the token of a reply, and replaces it if it is invalid. The granted locks are held, so a later token is also
   * valid for them.
   */
  drawn(reply: BatchReply): BatchReply | Promise<BatchReply> {
    return reply.token === null || this.#drew(reply.token) ? reply : this.#drawnAgain(reply)
  }

  async drawnForPermits(reply: PermitReply): Promise<PermitReply> {
    if (reply.taken.every(({ token }) => token === null || this.#drew(token))) return reply
    const taken: TakenPermit[] = []
    for (const { slot } of reply.taken) taken.push({ slot, token: await this.#drawAgain() })
    return { ...reply, taken }
  }

  async #drawnAgain(reply: BatchReply): Promise<BatchReply> {
    return { ...reply, token: await this.#drawAgain() }
  }

  /** Whether the token is valid. The sequence may have been reset in the meantime. */
  #drew(token: string): boolean {
    if (!isGreaterToken(token, this.#last)) return false
    this.#last = token
    this.#settings.seen.saw(token)
    return true
  }

  /** Whether a batch failed because it drew a token. If so, the next batches draw none. */
  giveUp(error: unknown): boolean {
    if (this.#oid === null || !FAULTS.has(sqlState(error) ?? '')) return false
    this.#without(inWords(error, 'lockpool.fence'))
    return true
  }

  /** Looks for the sequence, creates it if it is missing and the role may do so, and moves it to where it must be. */
  async find(): Promise<void> {
    const { strict } = this.#settings
    try {
      const found = await findObjects(this.#server)
      // Missing hold records must not be recreated empty: other processes may still rely on what they said.
      const settings = strict ? { ...this.#settings, strict: false } : this.#settings
      const facts = await useSchema(
        this.#server,
        found,
        settings,
        strict ? CREATE_NOTHING : WHILE_HOLDING_LOCKS,
      )
      // Other sessions have drawn tokens in the meantime, on this server as well.
      if (facts.fence !== null) this.#last = this.#atLeast(facts.last)
      this.#oid = facts.fence
      this.#noFencing = facts.noFencing
    } catch (error) {
      if (sqlState(error) === undefined) throw error
      this.#without(inWords(error, 'schema lockpool'))
    }
  }

  /**
   * Draws a token in place of an invalid one, for locks that are held. Returns null if there are no tokens any more.
   */
  async #drawAgain(): Promise<string | null> {
    this.#without('the sequence lockpool.fence has been set back')
    await this.find()
    if (this.#oid === null) return null
    try {
      const { rows } = await this.#server.query<{ token: string }>(DRAW, [this.#oid])
      const { token } = rows[0]!
      if (this.#drew(token)) return token
      this.#without('the sequence lockpool.fence does not grow')
    } catch (error) {
      if (!this.giveUp(error)) throw explain(error)
    }
    return null
  }

  /**
   * The lower bound for new tokens: the largest that this process has seen, and the last that the sequence has given.
   */
  #atLeast(last: string): string {
    const { greatest } = this.#settings.seen
    return isGreaterToken(last, greatest) ? last : greatest
  }

  #without(reason: string): void {
    this.#oid = null
    this.#noFencing = reason
  }
}
