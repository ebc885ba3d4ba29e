import { systemClock } from '../../../base/clock.js'
import { ConnectionError } from '../../../base/errors.js'
import type { Random } from '../../../base/random.js'
import type { Borrow } from '../../dialect.js'
import { enter, untilAborted, type Joined, type Joining } from '../../rows/joining.js'
import { Member } from '../../rows/member.js'
import type { PostgresConnection } from '../connection/connection.js'
import { sqlState } from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { claimBackend } from '../schema/backend-claim.js'
import { serverName } from '../timeline/server-identity.js'
import { StatementRunner } from '../table/statement-runner.js'
import { READ_CLAIM, WRITE_CLAIM } from './claim-sql.js'
import { ADD_MEMBER, OPEN_GATE, SESSION } from './member-sql.js'
import { DistributedRows } from './row-store.js'
import { findOrMakeTables } from './schema.js'

/** Creates what is missing, if this role may do so, and adds a member for a lock session. */
export function joinDistributed(
  borrow: Borrow<PostgresConnection>,
  joining: Joining,
  random: Random,
): Promise<Joined> {
  const runner = new StatementRunner(borrow, joining.settings.leaseMs)
  return untilAborted(runner, joining.signal, () => joinOver(runner, joining, random))
}

async function joinOver(runner: StatementRunner, joining: Joining, random: Random): Promise<Joined> {
  const { id, name, namespace, settings, ended } = joining
  const { leaseMs } = settings
  const server = await runner.on(async (connection) => {
    await findSession(runner, connection)
    await findOrMakeTables(connection)
    await claim(connection, namespace, name)
    return serverName(connection.place, null)
  })
  const store = new DistributedRows(runner, { clock: systemClock, random, limitMs: leaseMs })
  const member = new Member(id, leaseMs, store, ended)
  const floor = await enter(member, async () => {
    // The member comes first: if this process dies in between, other members remove it.
    await runner.rows(STATEMENTS.member, [String(id), leaseMs, namespace, name])
    const [gate] = await runner.rows<{ floor: string }>(STATEMENTS.gate, [String(id)])
    if (gate === undefined) throw new ConnectionError('lockpool.dist_floor has no row')
    return gate.floor
  })
  const noFencing = settings.fencing === 'off' ? '"fencing" is off' : null
  return { member, facts: { server, floor, secret: null, keepsNames: false, shortfall: null, noFencing } }
}

/** Without an answer, statements are not prepared: a pooler may be in between. */
async function findSession(runner: StatementRunner, connection: ServerConnection): Promise<void> {
  try {
    const [session] = (await connection.query<{ pid: number }>(SESSION)).rows
    if (session !== undefined) runner.sawProcess(connection, session.pid)
  } catch (error) {
    if (sqlState(error) === undefined) throw error
  }
}

function claim(connection: ServerConnection, namespace: string, by: string): Promise<void> {
  return claimBackend(
    async (text, values) => (await connection.query(text, values)).rows,
    { namespace, backend: 'distributed', by },
    { read: READ_CLAIM, write: WRITE_CLAIM },
  )
}

const STATEMENTS = {
  member: { name: 'lockpool_dist_member', text: ADD_MEMBER },
  gate: { name: 'lockpool_dist_open_gate', text: OPEN_GATE },
} as const
