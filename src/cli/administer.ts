import { jsonLine } from '../base/printable.js'
import { OWN_NAMES } from '../dialect/postgres/connection/look-sql.js'
import type { ServerConnection } from '../dialect/postgres/connection/server-connection.js'
import { BEGIN_SCRIPT, COMMIT_SCRIPT } from '../dialect/postgres/schema/schema-sql.js'
import { EXIT } from './exit-codes.js'
import { toggle, type Flag, type FlagValues } from './flags.js'
import { withServer, type ServerAddress } from './server.js'
import type { Terminal } from './terminal.js'

/** A one-time change of a database, on its own connection. */
export interface AdminOrder extends ServerAddress {
  /** Sent in one transaction. */
  readonly statements: readonly string[]
  /** Sent before `statements`, but not part of the script: it matters only if several processes do this at the same time. */
  readonly first?: string
  /** Does the work itself on an engine that can't run `statements`, and returns what it has done. Null otherwise. */
  readonly instead?: (connection: ServerConnection) => Promise<Pick<AdminOrder, 'done' | 'facts'> | null>
  /** Whether the script has no transaction around it. */
  readonly isStepwise?: boolean
  /** Work after `statements` that needs more than one transaction. */
  readonly finish?: (connection: ServerConnection) => Promise<void>
  /** The message when it is done. */
  readonly done: string
  /** The result for `--json`. */
  readonly facts: Readonly<Record<string, unknown>>
}

export type AdminFlags = Readonly<Record<'print' | 'json', Flag<true>>>

export const ADMIN_FLAGS: AdminFlags = {
  print: toggle({ meaning: 'print the statements instead, without connecting' }),
  json: toggle({ meaning: 'print the result as one JSON object; with --print the statements' }),
}

export async function administer(
  errand: AdminOrder,
  flags: FlagValues<AdminFlags>,
  terminal: Terminal,
): Promise<number> {
  const { statements, first, instead, finish, done, facts } = errand
  const isJson = flags.json === true
  const print = (text: string, json: object): number => {
    terminal.out.write(isJson ? `${jsonLine({ version: 1, ...json })}\n` : text)
    return EXIT.ok
  }
  if (flags.print === true) return print(scriptOf(errand), { statements: statements.map(trimmed) })
  return withServer(errand, terminal, async (connection) => {
    const other = (await instead?.(connection)) ?? null
    if (other !== null) return print(`${other.done}\n`, other.facts)
    // The server runs one message as one transaction: all statements or none.
    await connection.query([OWN_NAMES, ...(first === undefined ? [] : [first]), ...statements].join(';'))
    await finish?.(connection)
    return print(`${done}\n`, facts)
  })
}

/** The statements as a script, for a user to read, or for another user to run. */
function scriptOf({ statements, isStepwise }: AdminOrder): string {
  const steps = isStepwise === true ? statements : [BEGIN_SCRIPT, ...statements, COMMIT_SCRIPT]
  return steps.map((statement) => `${trimmed(statement)};\n`).join('')
}

function trimmed(statement: string): string {
  return statement.trim()
}
