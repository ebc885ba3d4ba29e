import type { Turn } from '../dialect.js'
import { ABANDON_LINE, LEAVE_LINE, LINE_FACTS, waitInLine } from './line-sql.js'
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
    const waited = server.query<{ turn: Turn }>(waitInLine(nameOf(key)))
    const left = server.command(LEAVE_LINE)
    Promise.all([waited, left]).catch(() => this.#failed())
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
