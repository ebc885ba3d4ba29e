import { BackendMismatchError } from '../../../base/errors.js'
import { quoted, shellWord } from '../../../base/printable.js'
import { sqlState } from '../connection/server-errors.js'
import { CLAIM_BACKEND, MOVING_FROM, READ_BACKEND, READ_BACKEND_FOR_ROWS, UNDO_MOVE } from './backend-sql.js'
import type { OwnValue } from '../connection/own-query.js'

/** How the locks of a namespace are kept. `distributed` is the backend `table` with the engine of that name. */
export type Backend = 'advisory' | 'table' | 'distributed'

/** The request of a pool to keep the locks of a namespace with a backend. */
export interface BackendClaim {
  readonly namespace: string
  readonly backend: Backend
  /** Names the pool for people. */
  readonly by: string
}

interface BackendRow {
  readonly backend: string
  readonly used_by: string
  readonly since: string
}

/** Sends one statement and returns its rows. */
export type Ask = (text: string, values: OwnValue[]) => Promise<readonly object[]>

/**
 * Records how the locks of a namespace are kept, if there is no record yet. A move to another backend that was broken
 * off is undone.
 *
 * @throws {BackendMismatchError} the locks of the namespace are kept with another backend
 */
export async function claimBackend(
  ask: Ask,
  claim: BackendClaim,
  sql: ClaimSql = sqlOf(claim),
): Promise<void> {
  let row = (await read(ask, claim, sql)) ?? (await write(ask, claim, sql))
  const isLeftOver = row !== undefined && isMove(row) && claim.backend !== 'distributed'
  if (isLeftOver && (await undoMove(ask, row!, claim))) row = await read(ask, claim, sql)
  if (row !== undefined && row.backend !== claim.backend) throw mismatch(row, claim)
}

function isMove({ backend }: BackendRow): boolean {
  return backend.startsWith(MOVING_FROM)
}

/** False if the process that moves is alive, or if this role may not write the record. */
async function undoMove(
  ask: Ask,
  row: BackendRow,
  { namespace, backend, by }: BackendClaim,
): Promise<boolean> {
  try {
    return (await ask(UNDO_MOVE, [namespace, backend, by, row.backend, row.used_by])).length > 0
  } catch (error) {
    if (sqlState(error) === undefined) throw error
    return false
  }
}

/**
 * The table is locked by another statement, such as DDL; or it is missing, or this role may not use it; or the
 * transaction is read-only.
 */
const FAULTS: ReadonlySet<string> = new Set(['55P03', '42P01', '3F000', 'XX000', '42501', '25006'])

/** Whether `claimBackend` rejected because it could not use its table. Locks do not depend on that table. */
export function isPlaceGone(error: unknown): boolean {
  return FAULTS.has(sqlState(error) ?? '')
}

/** The two statements of a claim. */
export interface ClaimSql {
  readonly read: string
  readonly write: string
}

function sqlOf({ backend }: BackendClaim): ClaimSql {
  return { read: backend === 'table' ? READ_BACKEND_FOR_ROWS : READ_BACKEND, write: CLAIM_BACKEND }
}

async function read(ask: Ask, { namespace }: BackendClaim, sql: ClaimSql): Promise<BackendRow | undefined> {
  return (await ask(sql.read, [namespace]))[0] as BackendRow | undefined
}

async function write(ask: Ask, claim: BackendClaim, sql: ClaimSql): Promise<BackendRow | undefined> {
  await ask(sql.write, [claim.namespace, claim.backend, claim.by])
  return read(ask, claim, sql)
}

/** A backend as the options of a pool name it. */
function inWords(backend: string): string {
  return backend === 'distributed' ? 'backend "table" and engine "distributed"' : `backend "${backend}"`
}

function mismatch(row: BackendRow, { namespace, backend }: BackendClaim): BackendMismatchError {
  const where = namespace === '' ? 'this database' : `namespace ${quoted(namespace)} of this database`
  if (isMove(row)) {
    return new BackendMismatchError(
      `the locks of ${where} are being moved to another backend by ${row.used_by} since ${row.since}`,
      { retryable: true },
    )
  }
  const option = namespace === '' ? '' : ` --namespace ${shellWord(namespace)}`
  const isMovable = backend !== 'distributed' && row.backend !== 'distributed'
  const change = isMovable
    ? `; lockpool migrate-backend --to ${backend}${option} changes it while no lock is held, with LOCKPOOL_URL or --url of this database`
    : ''
  return new BackendMismatchError(
    `this pool has ${inWords(backend)}, and the locks of ${where} are kept with ${inWords(row.backend)}, by ${row.used_by} since ` +
      `${row.since}: the two do not exclude each other. Use the same for all pools, or another "namespace"${change}`,
  )
}
