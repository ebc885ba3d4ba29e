import { sleep, type Clock } from '../../../base/clock.js'
import { ConnectionError } from '../../../base/errors.js'
import { OWN_NAMES } from '../connection/look-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { COMMITTED, LEASE_AND_WAIT, raiseWait, replicasBehind, setLease } from './strict-lease-sql.js'

/** How long replicas may take to replay one transaction, and how often they are checked. */
const WAIT_LIMIT_MS = 30_000
const LOOK_EVERY_MS = 200

interface LeaseRow {
  readonly strict_lease_ms: number | null
  readonly longest_lease_ms: number
}

interface ReplicaRow {
  readonly name: string
  readonly why: string
}

/**
 * Changes the maximum lease of strict pools in this database. Before a longer lease is allowed, the wait after a
 * failover is raised, and every replica has replayed that. So holders never overlap, whichever replica takes over at
 * whatever moment. Existing sessions keep their lease.
 *
 * @throws {ConnectionError} a replica has not replayed the change in time, or this role can't see whether it has. The
 * maximum lease stays as it was
 */
export async function decideStrictLease(
  connection: ServerConnection,
  leaseMs: number,
  clock: Clock,
): Promise<void> {
  const [before] = await send<LeaseRow>(connection, LEASE_AND_WAIT)
  if (before === undefined || before.longest_lease_ms < leaseMs) await send(connection, ...raiseWait(leaseMs))
  const isRaised = before === undefined || leaseMs > (before.strict_lease_ms ?? 0)
  if (isRaised) await untilAllHaveIt(connection, clock)
  await send(connection, ...setLease(leaseMs))
}

async function untilAllHaveIt(connection: ServerConnection, clock: Clock): Promise<void> {
  const [committed] = await send<{ position: string }>(connection, COMMITTED)
  for (const until = clock.now() + WAIT_LIMIT_MS; ;) {
    const behind = await send<ReplicaRow>(connection, replicasBehind(committed!.position))
    if (behind.length === 0) return
    if (clock.now() > until) {
      const who = behind.map(({ name, why }) => `${name} (${why})`).join(', ')
      throw new ConnectionError(
        `not every replica is known to have replayed the longer lease, so it was not raised: ${who}. Connect those ` +
          'that may be promoted, drop the slots of those that are gone, and use a role that may see all replicas (pg_monitor)',
      )
    }
    await sleep(clock, LOOK_EVERY_MS)
  }
}

/** Runs statements in one transaction and returns the rows of the last one. */
async function send<Row>(connection: ServerConnection, ...statements: readonly string[]): Promise<Row[]> {
  return (await connection.query<Row>([OWN_NAMES, ...statements].join(';'))).rows
}
