import { sleep, type Clock } from '../../../base/clock.js'
import { ConnectionError } from '../../../base/errors.js'
import { Observer } from '../../rows/observer.js'
import type { Backend } from '../schema/backend-claim.js'
import { READ_BACKEND } from '../schema/backend-sql.js'
import {
  BEGIN_MOVE,
  END_MOVE,
  OTHER_SESSIONS,
  MEMBERS,
  TOKENS_TO_ROWS,
  TOKENS_TO_SEQUENCE,
} from './move-backend-sql.js'
import { isLockpoolStatement } from '../locks/own-statements.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { BURY } from '../table/member-sql.js'

export interface Move {
  readonly namespace: string
  readonly to: Backend
  /** Names the caller for people. */
  readonly by: string
  /** How long to wait for pools with the old backend to close. */
  readonly timeoutMs: number
}

/** The result. `inTheWay` lists who still uses the old backend, in words; then the backend has not changed. */
export type Moved = { readonly from: Backend | null } | { readonly inTheWay: string }

const LOOK_EVERY_MS = 500

/**
 * How many checks in a row must find no user: a session may be between two statements, and the first of them need not
 * be ours.
 */
const QUIET_LOOKS = 3

/**
 * Moves the locks of a namespace to another backend. First it keeps new sessions and members from starting. Then it
 * waits until none are left. Then it moves the tokens, so that later tokens are larger than all earlier ones. Finally
 * it allows the other backend.
 */
export async function moveBackend(connection: ServerConnection, move: Move, clock: Clock): Promise<Moved> {
  const { namespace, to, by, timeoutMs } = move
  const [{ before }] = await rows<[{ before: Backend | 'moving' | null }]>(connection, BEGIN_MOVE, [
    namespace,
    by,
  ])
  const from = before === 'moving' ? other(to) : before
  const end = (backend: Backend): Promise<unknown> => connection.query(END_MOVE, [namespace, backend, by])
  try {
    const inTheWay = from === to ? null : await untilQuiet(connection, { namespace, from, timeoutMs }, clock)
    if (inTheWay !== null) {
      await end(from ?? other(to))
      return { inTheWay }
    }
    await moveTokens(connection, to)
    await end(to)
    return { from }
  } catch (error) {
    await end(from ?? other(to)).catch(() => undefined)
    throw error
  }
}

async function untilQuiet(
  connection: ServerConnection,
  { namespace, from, timeoutMs }: { namespace: string; from: Backend | null; timeoutMs: number },
  clock: Clock,
): Promise<string | null> {
  const observer = new Observer(clock)
  const until = clock.now() + timeoutMs
  for (let quiet = 0; ;) {
    const users = [
      ...(from === 'table' ? [] : await sessions(connection)),
      ...(from === 'advisory' ? [] : await members(connection, namespace, observer, clock)),
    ]
    quiet = users.length === 0 ? quiet + 1 : 0
    if (quiet === QUIET_LOOKS) return null
    if (clock.now() >= until && users.length > 0) return users.join(', ')
    await sleep(clock, LOOK_EVERY_MS)
  }
}

/**
 * The lock sessions of pools with session locks, in any namespace, because the server does not know the namespace of a
 * session.
 */
async function sessions(connection: ServerConnection): Promise<string[]> {
  const found = await rows<{ pid: number; application: string; query: string | null }[]>(
    connection,
    OTHER_SESSIONS,
    [],
  )
  const unseen = found.filter(({ query }) => query === null || query === '<insufficient privilege>')
  if (unseen.length > 0) {
    throw new ConnectionError(
      `this role may not see what ${unseen.length} other sessions do, of which some may be lock sessions: move as a role that may (pg_monitor)`,
      { retryable: false },
    )
  }
  return found
    .filter(
      ({ query }) =>
        isLockpoolStatement(query!) || READ_BACKEND.trim().startsWith(query!.trim().slice(0, 60)),
    )
    .map(({ pid, application }) => `${application} (pid ${pid})`)
}

/**
 * The members of pools with rows. A member whose heartbeat has not moved for its lease is declared dead, as any other
 * member would do.
 */
async function members(
  connection: ServerConnection,
  namespace: string,
  observer: Observer,
  clock: Clock,
): Promise<string[]> {
  const sentAt = clock.now()
  const [row] = await rows<{ others: string | null; living: string | null }[]>(connection, MEMBERS, [
    namespace,
  ])
  for (const { id, beat } of observer.saw(row!.others, sentAt)) await connection.query(BURY, [id, beat])
  return row!.living === null ? [] : [row!.living]
}

async function moveTokens(connection: ServerConnection, to: Backend): Promise<void> {
  if (to === 'advisory') await connection.query(TOKENS_TO_SEQUENCE)
  else await connection.query(TOKENS_TO_ROWS.join(';'))
}

async function rows<Rows extends readonly object[]>(
  connection: ServerConnection,
  text: string,
  values: (string | number)[],
): Promise<Rows> {
  return (await connection.query(text, values)).rows as unknown as Rows
}

function other(backend: Backend): Backend {
  return backend === 'table' ? 'advisory' : 'table'
}
