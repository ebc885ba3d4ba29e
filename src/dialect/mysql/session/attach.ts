import {
  ConnectionError,
  InvalidOptionError,
  PoolerDetectedError,
  StrictUnavailableError,
} from '../../../base/errors.js'
import type { LinkSettings } from '../../dialect.js'
import { SOON_MS } from '../../hosts/host.js'
import { IN_FORCE, settings } from './attach-sql.js'
import { checkDatabase, readServer, type ReadServer } from './read-server.js'
import { Fence } from '../fencing/fence.js'
import { explain, isDenied } from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** The facts about a suitable server. */
export interface ServerFacts extends Pick<ReadServer, 'isMariaDb' | 'identity' | 'database' | 'unchecked'> {
  /** What is added to the tokens of named locks in the namespace of the pool. */
  readonly tokenOffset?: bigint
}

/** The source of fencing tokens, or the reason why there is none. */
export type Fencing = Fence | string

/** Checks that the server is suitable. `database` is the configured database, in the spelling of the program. */
export async function checkServer(server: ServerConnection, database: string | null): Promise<ServerFacts> {
  const facts = await readServer(server)
  if (!facts.isOwnSession) throw new PoolerDetectedError(SWITCHED)
  if (facts.isCluster)
    throw new ConnectionError(
      'this server is a node of a Galera cluster, where a named lock does not exclude holders on the other nodes: backend "table" keeps locks in rows, which do',
      { retryable: false },
    )
  if (facts.group !== null)
    throw new ConnectionError(
      'this server is in a replication group, where a named lock does not exclude holders on the other servers',
      { retryable: false },
    )
  // Another attempt may succeed: a failover may make this server the primary, or lead the same name to another server.
  if (facts.unsuitable !== null)
    throw new ConnectionError(
      `${facts.unsuitable}: a named lock here does not exclude holders on the primary`,
      { retryAfterMs: SOON_MS },
    )
  checkDatabase(database, facts.foldsNames)
  return facts
}

/** Sets the settings that the lease depends on, and reads them back. */
export async function putInForce(
  server: ServerConnection,
  { isMariaDb }: ServerFacts,
  leaseMs: number,
): Promise<void> {
  const seconds = leaseSeconds(leaseMs)
  await server.say(settings(isMariaDb, seconds))
  const [timeout, length, id] = (await server.say(IN_FORCE))[0]!
  if (Number(id) !== server.threadId) throw new PoolerDetectedError(SWITCHED)
  if (Number(timeout) === seconds && Number(length) >= 1_048_576) return
  throw new ConnectionError(
    `the server does not take the settings of lock sessions: wait_timeout is ${timeout} s`,
    {
      retryable: false,
    },
  )
}

/** @throws {InvalidOptionError} */
export function leaseSeconds(leaseMs: number): number {
  if (leaseMs % 1000 === 0 && leaseMs >= 2000) return leaseMs / 1000
  throw new InvalidOptionError([
    `"leaseMs" must be whole seconds, 2000 at least, because the server counts in seconds: got ${leaseMs}`,
  ])
}

/** Finds the tables for fencing tokens. Locks work without them. */
export async function findFencing(
  server: ServerConnection,
  facts: ServerFacts,
  wanted: LinkSettings,
): Promise<Fencing> {
  if (wanted.strict)
    throw new StrictUnavailableError(
      '"strict" is not available with named locks: nothing outlives a session on the server',
    )
  if (wanted.fencing === 'off') return '"fencing" is off'
  if (facts.database === null)
    return 'the connection has no database, in which the table lockpool_fence could be'
  try {
    return await Fence.find(server, facts.identity, wanted.seen.greatest, facts.tokenOffset)
  } catch (error) {
    if (server.hasEnded) throw error
    const why = isDenied(error) ? 'may not be created or used by this user' : 'could not be created or used'
    return `the tables lockpool_fence and lockpool_run ${why} (${explain(error).message})`
  }
}

/** The message if a statement ran in another session. Each statement returns the session that has run it. */
export const SWITCHED: string =
  'something between this process and the server hands statements of one connection to several sessions of the server, ' +
  'so that locks would be in sessions where no statement finds them: connect lockpool to the server itself'
