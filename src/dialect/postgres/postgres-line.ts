import type { Turn } from '../dialect.js'
import { ABANDON_LINE, BEGIN_LINE, LEAVE_LINE, LINE_FACTS, NAME_LINE, WAIT_IN_LINE } from './line-sql.js'
import type { PostgresKey } from './postgres-key.js'
import type { ServerConnection } from './server-connection.js'

/** A connection's place in the lines for keys: in one at a time. */
export class PostgresLine {
  readonly #server: ServerConnection
  #isOpen = false

  constructor(server: ServerConnection) {
    this.#server = server
  }

  /** Whether this server lets us wait in it, without a line in its log. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  async start(): Promise<void> {
    const { rows } = await this.#server.query<{ logs: boolean }>(LINE_FACTS)
    this.#isOpen = !rows[0]!.logs
  }

  /** All of it is sent at once: the server must not depend on us to end it. */
  async wait(key: PostgresKey): Promise<Turn> {
    const server = this.#server
    const begun = server.command(BEGIN_LINE)
    const named = server.query(NAME_LINE, [nameOf(key)])
    const waited = server.query<{ turn: Turn }>(WAIT_IN_LINE)
    const left = server.command(LEAVE_LINE)
    // Whoever fails first takes the rest with it.
    Promise.all([begun, named, waited, left]).catch(() => this.#failed())
    return (await waited).rows[0]!.turn
  }

  /** It has no PL/pgSQL, say: we do without. */
  #failed(): void {
    this.#isOpen = false
    this.#server.command(ABANDON_LINE).catch(() => undefined)
  }
}

function nameOf({ hash, bits, high, low, isPair }: PostgresKey): string {
  return isPair ? `${hash} ${high} ${low}` : `${hash} ${bits}`
}
