import { ConnectionError, InvalidOptionError } from '../../../base/errors.js'
import type { Borrow, LinkSettings } from '../../dialect.js'
import { SOON_MS } from '../../hosts/host.js'
import { enter, untilAborted, type Joined, type Joining } from '../../rows/joining.js'
import type { RowFacts } from '../../rows/link.js'
import { Member } from '../../rows/member.js'
import { timelineToJoin } from '../../rows/timeline-to-join.js'
import type { MysqlConnection } from '../connection/connection.js'
import { claimBackend, type BackendClaim } from '../records/backend-claim.js'
import { checkDatabase, readServer, type ReadServer } from '../session/read-server.js'
import { CALL_JOIN, PLACE } from './member-sql.js'
import { timelineStore } from './timeline-store.js'
import { MysqlRows } from './row-store.js'
import { findOrMakeRows } from './schema.js'
import { StatementRunner } from './statement-runner.js'

/** The nodes of a cluster need five to six seconds to give up a lost node, and commit nothing until then. */
export const LEAST_CLUSTER_LEASE_MS = 20_000

/**
 * Creates what is missing, if this user may do so, and inserts rows for a lock session into `lockpool_member` and
 * `lockpool_gate`.
 */
export function join(
  borrow: Borrow<MysqlConnection>,
  joining: Joining,
  database: string | null,
): Promise<Joined> {
  const runner = new StatementRunner(borrow, joining.settings.leaseMs)
  return untilAborted(runner, joining.signal, () => joinOver(runner, joining, database))
}

async function joinOver(
  runner: StatementRunner,
  { id, name, namespace, settings, ended, signal }: Joining,
  database: string | null,
): Promise<Joined> {
  const claim: BackendClaim = { namespace, backend: 'table', by: name }
  const found = await runner.on(async (connection) => {
    const server = await readServer(connection)
    check(server, database, settings)
    await findOrMakeRows(connection, placeOf(server))
    await claimBackend(connection, claim)
    return { server, host: connection.place }
  })
  const place = placeOf(found.server)
  const where = await timelineToJoin(timelineStore(runner, place), settings.leaseMs, signal)
  const member = new Member(id, settings.leaseMs, new MysqlRows(runner, place), ended)
  const values = [id, settings.leaseMs, namespace, name, where]
  const floor = await enter(member, async () => {
    const inserted = await insert(runner, values)
    // Since the first claim a move of the namespace may have looked for members, and seen none.
    await runner.on((connection) => claimBackend(connection, claim))
    return inserted
  })
  return { member, facts: factsOf(found.server, found.host, floor, settings) }
}

function factsOf(server: ReadServer, host: string, floor: string, settings: LinkSettings): RowFacts {
  return {
    server: { host, timeline: null, system: null, started: null, instance: server.identity },
    floor,
    secret: null,
    keepsNames: true,
    shortfall: server.isDurable
      ? server.unchecked
      : 'innodb_flush_log_at_trx_commit is not 1, so a crash of the server may undo the last grants',
    noFencing: settings.fencing === 'off' ? '"fencing" is off' : null,
  }
}

function placeOf({ isMariaDb }: ReadServer): string {
  return PLACE[isMariaDb ? 'mariadb' : 'mysql']
}

function check(server: ReadServer, database: string | null, { leaseMs }: LinkSettings): void {
  checkDatabase(database, server.foldsNames)
  if (server.database === null)
    throw new ConnectionError('backend "table" needs a database in the connection, for its tables', {
      retryable: false,
    })
  if (server.group !== null)
    throw new ConnectionError(
      'this server is in a replication group, on which backend "table" has not been tested: it is not offered there',
      { retryable: false },
    )
  if (server.unsuitable !== null)
    throw new ConnectionError(`${server.unsuitable}: locks belong on the primary`, { retryAfterMs: SOON_MS })
  if (server.logsStatements)
    throw new ConnectionError(
      'binlog_format is STATEMENT, with which the isolation level of backend "table" can\'t be used: ROW or MIXED',
      { retryable: false },
    )
  if (server.isCluster && leaseMs < LEAST_CLUSTER_LEASE_MS)
    throw new InvalidOptionError([
      `"leaseMs" must be ${LEAST_CLUSTER_LEASE_MS} at least on a Galera cluster, which commits nothing for some seconds when ` +
        `it loses a node: got ${leaseMs}`,
    ])
}

async function insert(runner: StatementRunner, values: readonly (string | number | null)[]): Promise<string> {
  const [row] = await runner.call(CALL_JOIN, values)
  if (row !== undefined && row[0] !== null) return String(row[0])
  throw new ConnectionError('lockpool_floor has no row, or that of another server')
}
