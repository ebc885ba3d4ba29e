import { sleep } from '../../../base/clock.js'
import { BackendMismatchError, ConnectionError } from '../../../base/errors.js'
import { onAbort } from '../../../base/on-abort.js'
import type { Backend } from '../schema/backend-claim.js'
import { MOVING_FROM } from '../schema/backend-sql.js'
import type { OwnValue } from '../connection/own-query.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { BURY } from '../table/member-sql.js'
import { BackendUsers } from './backend-users.js'
import { LOOK_EVERY_MS, type MoveTerms, type MoveResult, type MovePorts } from '../../backend-move.js'
import {
  BEGIN_LOOK_AT_USERS,
  BEGIN_MOVE,
  BEGIN_TRANSACTION,
  CHECK_MOVE,
  COMMIT,
  END_LOOK_AT_USERS,
  END_MOVE,
  HOLD_MOVE,
  READ_RECORD,
  REMOVE_RECORD,
  RESTORE_RECORD,
  ROLLBACK,
  TOKENS_TO_ROWS,
  TOKENS_TO_SEQUENCE,
  TRANSACTION_SETTINGS,
} from './move-backend-sql.js'

type Move = MoveTerms<Backend>
type Moved = MoveResult<Backend>
type Ports = MovePorts<ServerConnection>

interface BackendRecord {
  readonly backend: string
  readonly used_by: string
  readonly since: string
}

/**
 * How many checks in a row must find no user: a session may be between two statements, and the first of them need not
 * be ours.
 */
const QUIET_LOOKS = 3

/** A pool that undoes a move that was broken off has the lock of the move for as long as one statement takes. */
const LOCK_TRIES = 20
const LOCK_TRY_EVERY_MS = 50

/** How long a statement may go on after the signal. Then the connection is closed. */
const ABORT_LIMIT_MS = 3000

/**
 * Moves the locks of a namespace to another backend. First it keeps new sessions and members from starting. Then it
 * waits until none are left. Then it moves the tokens, so that later tokens are larger than all earlier ones, and
 * allows the other backend.
 *
 * From the wait on, all is one transaction with a lock that other moves and pools look for. So the move has happened or
 * it has not, and however its process ends, the others know that it is gone and put the record back.
 *
 * @throws {BackendMismatchError} the namespace has a backend that cannot be moved
 * @throws the error of the server, after the record was put back if that was possible
 */
export async function moveBackend(connection: ServerConnection, move: Move, ports: Ports): Promise<Moved> {
  const before = (await ask<BackendRecord>(connection, READ_RECORD, [move.namespace]))[0]
  if (before?.backend === move.to) return { isMoved: true, from: move.to }
  const begun = await ask<BackendRecord>(connection, BEGIN_MOVE, [move.namespace, move.by])
  if (begun.length === 0) return { isMoved: false, inTheWay: await mover(connection, move.namespace) }
  const previous = begun[0]!.backend.slice(MOVING_FROM.length)
  const stopAbort = onAbort(ports.signal, () =>
    ports.clock.after(ABORT_LIMIT_MS, () => connection.destroy(), false),
  )
  let moved: Moved
  try {
    if (previous !== 'none' && backendOf(previous) === null) throw unknownBackend(previous)
    moved = await inTransaction(connection, move, backendOf(previous), ports)
    if (moved.isMoved) return moved
  } catch (error) {
    if (await putBack(connection, move, { before, previous }, ports))
      return { isMoved: true, from: backendOf(previous) }
    if (ports.signal.aborted) return { isMoved: false, inTheWay: null }
    throw error
  } finally {
    stopAbort()
  }
  await putBack(connection, move, { before, previous }, ports)
  return moved
}

async function inTransaction(
  connection: ServerConnection,
  move: Move,
  from: Backend | null,
  { clock, signal }: Ports,
): Promise<Moved> {
  const { namespace, to, by } = move
  await connection.query(BEGIN_TRANSACTION)
  await connection.query(TRANSACTION_SETTINGS)
  for (let i = 1; !(await ask<{ is_held: boolean }>(connection, HOLD_MOVE, [namespace]))[0]!.is_held; i++) {
    if (i === LOCK_TRIES) return { isMoved: false, inTheWay: await mover(connection, namespace) }
    await sleep(clock, LOCK_TRY_EVERY_MS, signal)
  }
  await connection.query(BEGIN_LOOK_AT_USERS)
  // Another process may have taken this move for abandoned, before it had the lock.
  if ((await ask(connection, CHECK_MOVE, [namespace, by])).length === 0)
    return { isMoved: false, inTheWay: await mover(connection, namespace) }
  const stop = from === to ? null : await untilQuiet(connection, move, from, { clock, signal })
  if (stop !== null) return stop
  await connection.query(to === 'advisory' ? TOKENS_TO_SEQUENCE : TOKENS_TO_ROWS.join(';'))
  if ((await ask(connection, END_MOVE, [namespace, by, to])).length === 0)
    throw new ConnectionError('the record of the backend was changed by another process', {
      retryable: true,
    })
  await connection.query(COMMIT)
  return { isMoved: true, from }
}

/** Null if there is no user left. */
async function untilQuiet(
  connection: ServerConnection,
  { namespace, timeoutMs }: Move,
  from: Backend | null,
  { clock, signal }: Pick<Ports, 'clock' | 'signal'>,
): Promise<Moved | null> {
  const users = new BackendUsers(connection, namespace, from, clock)
  const until = clock.now() + timeoutMs
  for (let quiet = 0; ;) {
    if (signal.aborted) return { isMoved: false, inTheWay: null }
    const found = await users.look()
    quiet = found.length === 0 ? quiet + 1 : 0
    if (quiet >= QUIET_LOOKS && (await buryAll(connection, users))) return null
    await connection.query(END_LOOK_AT_USERS)
    if (clock.now() >= until && found.length > 0) return { isMoved: false, inTheWay: found.join(', ') }
    await sleep(clock, LOOK_EVERY_MS, signal)
  }
}

/** False if one of them has come back to life. Only at the end, because a member waits for a transaction that changes its row. */
async function buryAll(connection: ServerConnection, { silent }: BackendUsers): Promise<boolean> {
  for (const { id, beat } of silent) if ((await ask(connection, BURY, [id, beat])).length === 0) return false
  return true
}

/**
 * Puts the record back as it was. True if the move had happened: the answer to its COMMIT was lost. If this fails, pools
 * put the record back when they find that the process is gone.
 */
async function putBack(
  used: ServerConnection,
  { namespace, to, by }: Move,
  { before, previous }: { readonly before: BackendRecord | undefined; readonly previous: string },
  ports: Ports,
): Promise<boolean> {
  let connection = used
  try {
    if (!used.hasEnded) await used.query(ROLLBACK).catch(() => undefined)
    if (used.hasEnded) connection = await ports.reopen()
    const [now] = await ask<BackendRecord>(connection, READ_RECORD, [namespace])
    if (now?.backend === to && now.used_by === by) return true
    if (previous === 'none') await connection.query(REMOVE_RECORD, [namespace, by])
    else {
      const known = before?.backend === previous ? before : undefined
      const values: OwnValue[] = [namespace, by, previous, known?.used_by ?? by, known?.since ?? null]
      await connection.query(RESTORE_RECORD, values)
    }
  } catch {
    // The caller has a better error, or none.
  } finally {
    if (connection !== used) await connection.close().catch(() => undefined)
  }
  return false
}

async function mover(connection: ServerConnection, namespace: string): Promise<string> {
  const [record] = await ask<BackendRecord>(connection, READ_RECORD, [namespace])
  return record?.backend.startsWith(MOVING_FROM)
    ? `${record.used_by}, which moves the namespace since ${record.since}`
    : 'another session, which holds the lock for moves of the namespace'
}

/** Its users are in other tables, where a move would not see them. */
function unknownBackend(previous: string): BackendMismatchError {
  const kept = previous === 'distributed' ? 'backend "table" and engine "distributed"' : `"${previous}"`
  return new BackendMismatchError(
    `the locks of this namespace are kept with ${kept}, which cannot be moved: use another namespace`,
  )
}

function backendOf(recorded: string): Backend | null {
  return recorded === 'advisory' || recorded === 'table' ? recorded : null
}

async function ask<Row extends object>(
  connection: ServerConnection,
  text: string,
  values: OwnValue[],
): Promise<Row[]> {
  return (await connection.query<Row>(text, values)).rows
}
