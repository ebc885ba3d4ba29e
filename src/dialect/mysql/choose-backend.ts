import { hostname } from 'node:os'
import { show } from '../../base/options.js'
import { systemRandom } from '../../base/random.js'
import type { Dialect } from '../dialect.js'
import type { MysqlConnection } from './connection/connection.js'
import { MysqlDialect } from './mysql-dialect.js'
import { namedBackend } from './records/backend-claim.js'
import { MysqlTableDialect } from './table/table-dialect.js'

/** How the locks are kept, and options that depend on it. */
export interface BackendOptions {
  readonly backend?: unknown
  readonly leaseMs?: number | undefined
  readonly strict?: boolean | undefined
  readonly sharedSlots?: unknown
}

/** Every writer checks all slots, so a greater number would make every lock dear. */
export const MAX_SHARED_SLOTS = 64

/** Options that the backend can't support, detected before a connection is opened. */
export function backendProblems(
  { backend = 'named', leaseMs, strict, sharedSlots = 0 }: BackendOptions,
  database: string | null = null,
): string[] {
  const problems: string[] = []
  if (backend !== 'named' && backend !== 'table')
    problems.push(`"backend" must be "named" or "table", got ${show(backend)}`)
  if (backend === 'named' && Number.isInteger(leaseMs) && (leaseMs! % 1000 !== 0 || leaseMs! < 2000))
    problems.push(
      `"leaseMs" must be whole seconds, 2000 at least, because the server counts in seconds: got ${leaseMs}`,
    )
  if (backend === 'table' && Number.isInteger(leaseMs) && leaseMs! < 2000)
    problems.push(`"leaseMs" must be 2000 at least with backend "table": got ${leaseMs}`)
  if (backend === 'named' && strict === true)
    problems.push('"strict" can\'t be kept with named locks: the server has nothing that outlives a session')
  if (
    !Number.isInteger(sharedSlots) ||
    (sharedSlots as number) < 0 ||
    (sharedSlots as number) > MAX_SHARED_SLOTS
  )
    problems.push(`"sharedSlots" must be an integer from 0 to ${MAX_SHARED_SLOTS}, got ${show(sharedSlots)}`)
  else if (sharedSlots !== 0 && backend === 'table')
    problems.push('"sharedSlots" is for backend "named": backend "table" has shared mode without it')
  else if (sharedSlots !== 0 && database === null)
    problems.push('"sharedSlots" needs a database in "connection": the number is recorded in a table')
  return problems
}

/** `database` is the database of all connections, in the spelling of the program. */
export function chooseBackend(
  backend: unknown,
  database: string | null,
  pool: { readonly applicationName: string; readonly namespace: string },
  sharedSlots = 0,
): Dialect<MysqlConnection> {
  const { applicationName, namespace } = pool
  const by = `process ${process.pid} on ${hostname()} (${applicationName})`
  if (backend === 'table') return new MysqlTableDialect({ by, namespace, database, random: systemRandom })
  return new MysqlDialect(database, {
    claim: { namespace, backend: namedBackend(sharedSlots), by },
    sharedSlots,
  })
}
