import { countMembers, readVersion } from '../../dialect/postgres/distributed/rows-state.js'
import { firstProblem } from '../../dialect/postgres/distributed/schema.js'
import { isNotInstalled } from '../../dialect/postgres/connection/server-errors.js'
import type { ServerConnection } from '../../dialect/postgres/connection/server-connection.js'
import { failure, ok, warning, type Check, type Verdict } from './verdict.js'

/**
 * The checks of an engine without the catalogs of PostgreSQL. No lock is tried: a pool would create tables, and record
 * which backend keeps the locks.
 */
export async function examineEngine(
  connection: ServerConnection,
  source: string,
  isForServe: boolean,
): Promise<Check[]> {
  const { database, user } = connection.client
  const verdicts: Readonly<Record<string, Verdict>> = {
    connection: ok(`database ${database} at ${connection.place} as ${user}, by ${source}`),
    server: warning(
      `${await readVersion(connection)} keeps locks only as rows, with backend "table" and engine "distributed"`,
      'That engine was tested only on PostgreSQL: try it on your cluster. See docs/guides/distributed-sql.md.',
    ),
    ...(await tablesCheck(connection)),
    locks: warning('no lock was tried, and no right to write', 'Let a program take one.'),
    ...(isForServe
      ? { serve: failure('lockpool serve needs the advisory locks of PostgreSQL', 'Use the library.') }
      : {}),
  }
  return Object.entries(verdicts).map(([name, verdict]) => ({ name, ...verdict }))
}

async function tablesCheck(connection: ServerConnection): Promise<Record<string, Verdict>> {
  const problem = await firstProblem(connection)
  if (problem === null)
    return {
      tables: ok('the tables of the engine are there'),
      members: ok(`${await countMembers(connection)} lock sessions use them`),
    }
  const why = isNotInstalled(problem) ? (problem as Error).message : 'they are not complete'
  return {
    tables: warning(
      `this role can't read the tables of the engine: ${why}`,
      'A pool creates them if its role may. Otherwise run as the owner: lockpool install --backend table --engine distributed, with --role.',
    ),
  }
}
