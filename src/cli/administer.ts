import { BEGIN_SCRIPT, COMMIT_SCRIPT } from '../dialect/postgres/schema-sql.js'
import { EXIT } from './exit-codes.js'
import { withServer, type ServerAddress } from './server.js'
import type { Terminal } from './terminal.js'

/** What a command does to a database once, with a connection of its own. */
export interface Errand extends ServerAddress {
  /** In one transaction. */
  readonly statements: readonly string[]
  /** What to say when it is done. */
  readonly done: string
}

/** The statements as a script, for those who want to read it first, or may not run it themselves. */
export function scriptOf(statements: readonly string[]): string {
  return [BEGIN_SCRIPT, ...statements, COMMIT_SCRIPT].map((statement) => `${statement.trim()};\n`).join('')
}

export function administer(errand: Errand, terminal: Terminal): Promise<number> {
  return withServer(errand, terminal, async (connection) => {
    // One message is one transaction: all of it or nothing.
    await connection.query(errand.statements.join(';'))
    terminal.out.write(`${errand.done}\n`)
    return EXIT.ok
  })
}
