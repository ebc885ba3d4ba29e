import type { LinkSettings } from '../../dialect.js'
import type { BatchReply } from '../../lock-operation.js'
import type { PermitReply, TakenPermit } from '../../permit-operation.js'
import { isGreaterToken } from '../../seen-tokens.js'
import { explain, inWords, sqlState } from '../connection/server-errors.js'
import { findObjects, IN_PASSING, LOOK_ONLY, useSchema, type SchemaFacts } from '../schema/schema.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { DRAW } from '../timeline/timeline-sql.js'

/**
 * What a statement fails with because of the sequence it draws from: it is locked by somebody's statement; it, or the schema,
 * is gone, or was never one; the right to it is; it has come to its end.
 */
const FAULTS: ReadonlySet<string> = new Set([
  ...['55P03', '42P01', '3F000', 'XX000', '42809', '42501', '2200H', '55000', '25006'],
])

/**
 * Where one lock session draws its tokens. The sequence may be dropped, locked or set back while the session lives, and locks
 * must not suffer from that: it goes on without tokens then, and finds the sequence again.
 */
export class PostgresFence {
  readonly #server: ServerConnection
  readonly #settings: LinkSettings
  #oid: string | null
  #noFencing: string | null
  /** The greatest that this session must draw more than. Its statements draw one after the other. */
  #last: string

  constructor(server: ServerConnection, { fence, noFencing, last }: SchemaFacts, settings: LinkSettings) {
    this.#server = server
    this.#settings = settings
    this.#oid = fence
    this.#noFencing = noFencing
    this.#last = this.#atLeast(last)
  }

  /** The sequence; or null, while there are no tokens. */
  get oid(): string | null {
    return this.#oid
  }

  get noFencing(): string | null {
    return this.#noFencing
  }

  /** With a token that is one. What was granted is held, so another may be drawn for it. */
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

  /** Whether the token is one: the sequence may have been set back under our feet. */
  #drew(token: string): boolean {
    if (!isGreaterToken(token, this.#last)) return false
    this.#last = token
    this.#settings.seen.saw(token)
    return true
  }

  /** Whether a batch failed because it was to draw. If so, the next ones don't. */
  giveUp(error: unknown): boolean {
    if (this.#oid === null || !FAULTS.has(sqlState(error) ?? '')) return false
    this.#without(inWords(error, 'lockpool.fence'))
    return true
  }

  /** Looks for the sequence, makes it if it is gone and the role may, and sees to it that it is where it has to be. */
  async find(): Promise<void> {
    const { strict } = this.#settings
    try {
      const found = await findObjects(this.#server)
      // Marks that are gone must not come back empty while somebody believes in what they said.
      const settings = strict ? { ...this.#settings, strict: false } : this.#settings
      const facts = await useSchema(this.#server, found, settings, strict ? LOOK_ONLY : IN_PASSING)
      // Others have drawn meanwhile, here too.
      if (facts.fence !== null) this.#last = this.#atLeast(facts.last)
      this.#oid = facts.fence
      this.#noFencing = facts.noFencing
    } catch (error) {
      if (sqlState(error) === undefined) throw error
      this.#without(inWords(error, 'schema lockpool'))
    }
  }

  /** In place of one that was none, for what is held; null if there are no tokens any more. */
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

  /** Whatever is drawn from now on is greater than all that anybody here has seen, and than what was there. */
  #atLeast(last: string): string {
    const { greatest } = this.#settings.seen
    return isGreaterToken(last, greatest) ? last : greatest
  }

  #without(reason: string): void {
    this.#oid = null
    this.#noFencing = reason
  }
}
