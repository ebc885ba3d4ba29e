import type { ClientConfig } from 'pg'
import { BEGIN_SCRIPT, COMMIT_SCRIPT } from '../dialect/postgres/schema-sql.js'
import { connectionSource } from './connection.js'
import { EXIT, exitNameOf } from './exit-codes.js'
import type { Terminal } from './terminal.js'

/** What a command does to a database once, with a connection of its own. */
export interface Errand {
  readonly url: string | undefined
  /** How the connection shows in `pg_stat_activity`. */
  readonly applicationName: string
  /** In one transaction. */
  readonly statements: readonly string[]
  /** What to say when it is done. */
  readonly done: string
}

/** The statements as a script, for those who want to read it first, or may not run it themselves. */
export function scriptOf(statements: readonly string[]): string {
  return [BEGIN_SCRIPT, ...statements, COMMIT_SCRIPT].map((statement) => `${statement.trim()};\n`).join('')
}

export async function administer(errand: Errand, { out, err }: Terminal): Promise<number> {
  const source = connectionSource(errand.url, process.env)
  // The driver comes with these, so not before the command line has been understood.
  const { clientConfig, configProblem } = await import('../dialect/postgres/postgres-config.js')
  const problem = configProblem(source?.url)
  if (problem !== null) {
    err.write(`lockpool: ${source === null ? problem : problem.replace('"connection"', source.source)}\n`)
    return EXIT.config
  }
  try {
    await carryOut(clientConfig(source?.url, errand.applicationName), errand.statements)
  } catch (error) {
    const { explain } = await import('../dialect/postgres/postgres-errors.js')
    const explained = explain(error)
    err.write(`lockpool: the database can't be used: ${explained.message}\n`)
    return EXIT[exitNameOf(explained)]
  }
  out.write(`${errand.done}\n`)
  return EXIT.ok
}

async function carryOut(config: ClientConfig, statements: readonly string[]): Promise<void> {
  const { ServerConnection } = await import('../dialect/postgres/server-connection.js')
  const connection = await ServerConnection.open(config, new AbortController().signal)
  try {
    // One message is one transaction: all of it or nothing.
    await connection.query(statements.join(';'))
  } finally {
    await connection.close()
  }
}
