import { ConnectionError } from '../../../base/errors.js'
import type { Borrow } from '../../dialect.js'
import { enter, untilAborted, type Joined, type Joining } from '../../rows/joining.js'
import { Member } from '../../rows/member.js'
import { timelineToJoin } from '../../rows/timeline-to-join.js'
import type { PostgresConnection } from '../connection/connection.js'
import { findObjects } from '../schema/schema.js'
import { claimBackend, type Ask, type BackendClaim } from '../schema/backend-claim.js'
import type { OwnValue } from '../connection/own-query.js'
import { sqlState } from '../connection/server-errors.js'
import { CREATE_OBJECTS, CREATE_SCHEMA, MAY_CREATE, queueUp } from '../schema/schema-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { within } from '../timeline/timeline-sql.js'
import { identityOf } from '../timeline/timeline.js'
import { serverName } from '../timeline/server-identity.js'
import { JOIN, TABLE_SERVER } from './member-sql.js'
import { timelineStore } from './timeline-store.js'
import { PostgresRows } from './row-store.js'
import { StatementRunner } from './statement-runner.js'
import { CREATE_BATCH_FUNCTIONS, CREATE_TABLES, FIND_TABLES, FUNCTION_COUNT } from './schema-sql.js'

interface Entered {
  readonly floor: string
  readonly secret: string
}

interface Found {
  readonly is_usable: boolean
  readonly tables: number
  readonly functions: number
}

const TABLES = 4

/** Creates what is missing, if this role may do so, and inserts a row for a lock session into `lockpool.member`. */
export function join(borrow: Borrow<PostgresConnection>, joining: Joining): Promise<Joined> {
  const runner = new StatementRunner(borrow, joining.settings.leaseMs)
  return untilAborted(runner, joining.signal, () => joinOver(runner, joining))
}

async function joinOver(
  runner: StatementRunner,
  { id, name, namespace, settings, ended, signal }: Joining,
): Promise<Joined> {
  const claim: BackendClaim = { namespace, backend: 'table', by: name }
  const found = await runner.on(async (connection) => {
    const [server] = (await connection.query<{ pid: number; is_standby: boolean }>(TABLE_SERVER)).rows
    if (server!.is_standby)
      throw new ConnectionError('this server is a read-only standby, where no lock can be written')
    runner.sawProcess(connection, server!.pid)
    const tables = await findOrMake(connection)
    const objects = await findObjects(connection)
    await claimBackend(askOn(connection), claim)
    const keepsNames = objects.some((each) => each.name === 'key_name' && each.is_usable)
    return { ...tables, keepsNames, server: serverName(connection.place, await identityOf(connection)) }
  })
  const timeline = await timelineToJoin(timelineStore(runner), settings.leaseMs, signal)
  const values = [String(id), settings.leaseMs, namespace, name, timeline]
  const hasFunctions = found.functions === FUNCTION_COUNT
  const member = new Member(id, settings.leaseMs, new PostgresRows(runner, hasFunctions), ended)
  const { floor, secret } = await enter(member, async () => {
    const entered = await insert(runner, values)
    // Since the first claim a move of the namespace may have looked for members, and seen none.
    await runner.on((connection) => claimBackend(askOn(connection), claim))
    return entered
  })
  return {
    member,
    facts: {
      server: found.server,
      floor,
      secret,
      keepsNames: found.keepsNames,
      shortfall: hasFunctions
        ? null
        : 'the functions of backend "table" are not there, so the server plans each batch anew ("lockpool install --backend table" makes them)',
      noFencing: settings.fencing === 'off' ? '"fencing" is off' : null,
    },
  }
}

function askOn(connection: ServerConnection): Ask {
  return async (text, values) => (await connection.query(text, values)).rows
}

async function insert(runner: StatementRunner, values: OwnValue[]): Promise<Entered> {
  const [row] = await runner.rows<Entered>(STATEMENTS.join, values)
  if (row !== undefined) return row
  throw new ConnectionError('lockpool.floor has no row, or that of another timeline of the server')
}

async function findOrMake(connection: ServerConnection): Promise<Found> {
  const found = await find(connection)
  if (found.is_usable && found.tables === TABLES && found.functions === FUNCTION_COUNT) return found
  const mayCreate = (await connection.query<{ may_create: boolean }>(MAY_CREATE)).rows[0]?.may_create === true
  if (!mayCreate) return checked(found)
  let refusal: unknown
  try {
    // One message is one transaction: all objects are created, or none.
    await connection.query(
      within(
        1000,
        queueUp(20),
        CREATE_SCHEMA,
        ...CREATE_OBJECTS,
        ...CREATE_TABLES,
        ...CREATE_BATCH_FUNCTIONS,
      ),
    )
  } catch (error) {
    // Another process may have been faster. The objects that exist now count.
    if (sqlState(error) === undefined) throw error
    refusal = error
  }
  return checked(await find(connection), refusal)
}

async function find(connection: ServerConnection): Promise<Found> {
  const [found] = (await connection.query<Found>(FIND_TABLES)).rows
  return found ?? { is_usable: false, tables: 0, functions: 0 }
}

function checked(found: Found, refusal?: unknown): Found {
  if (found.tables < TABLES) throw missing('the tables of backend "table"', refusal)
  if (!found.is_usable) {
    throw new ConnectionError(
      'this role may not use the tables of backend "table": "lockpool install --backend table --role ROLE" grants what is needed',
      { retryable: false },
    )
  }
  return found
}

function missing(what: string, cause?: unknown): ConnectionError {
  return new ConnectionError(
    `there is no schema lockpool with ${what}: "lockpool install --backend table" makes it, with --role ROLE for other roles than its own`,
    {
      retryable: cause !== undefined,
      ...(cause === undefined ? {} : { cause }),
    },
  )
}

const STATEMENTS = { join: { name: 'lockpool_join_members', text: JOIN } } as const
