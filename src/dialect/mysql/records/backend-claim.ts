import { BackendMismatchError, ConnectionError } from '../../../base/errors.js'
import { quoted, shellWord } from '../../../base/printable.js'
import { errorNumber, isDenied, NO_SUCH_TABLE } from '../connection/server-errors.js'
import type { OwnRow, ServerConnection } from '../connection/server-connection.js'
import {
  CLAIM_BACKEND,
  CREATE_BACKEND,
  FORGET_MOVE,
  HOLD_USE,
  MOVING_FROM,
  READ_BACKEND,
  UNDO_MOVE,
  USE_SLOTS,
} from './backend-sql.js'

/**
 * How the locks of a namespace are kept. The number of reader slots belongs to it: an older version of lockpool, which
 * does not check them, finds another backend.
 */
export type Backend = 'named' | `named/${number}` | 'table'

/** Named locks with this many reader slots of each key. */
export function namedBackend(sharedSlots: number): Backend {
  return sharedSlots === 0 ? 'named' : `named/${sharedSlots}`
}

/** The request of a pool to keep the locks of a namespace with a backend. */
export interface BackendClaim {
  readonly namespace: string
  readonly backend: Backend
  /** Names the pool for people. */
  readonly by: string
}

/**
 * Records how the locks of a namespace are kept, if there is no record yet. A move to another backend that was broken
 * off is undone. Returns what is added to the tokens of named locks.
 *
 * @throws {BackendMismatchError} the locks of the namespace are kept with another backend
 */
export async function claimBackend(server: ServerConnection, claim: BackendClaim): Promise<bigint> {
  let row = (await read(server, claim)) ?? (await write(server, claim))
  if (row !== undefined && isMove(row) && (await undoMove(server, row, claim)))
    row = (await read(server, claim)) ?? (await write(server, claim))
  if (row !== undefined && row[0] !== claim.backend) throw mismatch(row, claim)
  return offsetOf(row)
}

/** Does the same for named locks, which do not need the table. Creates the table if this user may. */
export async function claimBackendIfPossible(server: ServerConnection, claim: BackendClaim): Promise<bigint> {
  try {
    return await claimBackend(server, claim)
  } catch (error) {
    if (errorNumber(error) !== NO_SUCH_TABLE) throw error
    await server.say(CREATE_BACKEND)
    return await claimBackend(server, claim)
  }
}

/** Whether the table is missing, or this user may not use it. */
export function isPlaceGone(error: unknown): boolean {
  return errorNumber(error) === NO_SUCH_TABLE || isDenied(error)
}

/**
 * Takes a name by which a move of the namespace finds this lock session, and then reads what is added to the tokens of
 * named locks. A session that comes later than the look of a move finds its record.
 */
export async function enterNamespace(server: ServerConnection, namespace: string): Promise<bigint> {
  for (let i = 0; i < USE_SLOTS; i++) {
    // oxlint-disable-next-line no-await-in-loop -- nearly always the first is free
    const [taken] = await server.ask(HOLD_USE, [namespace, String((server.threadId + i) % USE_SLOTS)])
    // oxlint-disable-next-line no-await-in-loop -- the end of the loop
    if (Number(taken) === 1) return offsetIn(server, namespace)
  }
  throw new ConnectionError(`there are ${USE_SLOTS} lock sessions of the namespace on this server`)
}

async function offsetIn(server: ServerConnection, namespace: string): Promise<bigint> {
  try {
    return offsetOf(await server.ask(READ_BACKEND, [namespace]))
  } catch (error) {
    if (isPlaceGone(error)) return 0n
    throw error
  }
}

function offsetOf(row: OwnRow | undefined): bigint {
  return BigInt(row?.[3] ?? 0)
}

/** Whether it is the record of a move. */
export function isMove([backend]: OwnRow): boolean {
  return String(backend).startsWith(MOVING_FROM)
}

/** False if the process that moves is alive, or if this user may not write the record. */
async function undoMove(
  server: ServerConnection,
  [backend, usedBy]: OwnRow,
  { namespace, by }: BackendClaim,
): Promise<boolean> {
  const record = [namespace, String(backend), String(usedBy), namespace]
  try {
    return backend === `${MOVING_FROM}none`
      ? (await server.change(FORGET_MOVE, record)) > 0
      : (await server.change(UNDO_MOVE, [by, ...record])) > 0
  } catch (error) {
    if (isDenied(error)) return false
    throw error
  }
}

async function read(server: ServerConnection, { namespace }: BackendClaim): Promise<OwnRow | undefined> {
  return server.ask(READ_BACKEND, [namespace])
}

async function write(server: ServerConnection, claim: BackendClaim): Promise<OwnRow | undefined> {
  await server.ask(CLAIM_BACKEND, [claim.namespace, claim.backend, claim.by])
  return read(server, claim)
}

function mismatch([kept, by, since]: OwnRow, { namespace, backend }: BackendClaim): BackendMismatchError {
  const where = namespace === '' ? 'this database' : `namespace ${quoted(namespace)} of this database`
  if (isMove([kept!])) {
    return new BackendMismatchError(
      `the locks of ${where} are being moved to another backend by ${String(by)} since ${String(since)}`,
      { retryable: true },
    )
  }
  const [here, there] = [inWords(backend), inWords(String(kept))]
  const isSame = here.name === there.name
  const [ours, theirs] = isSame
    ? [here.slots, there.slots]
    : [here, there].map(({ name }) => `backend "${name}"`)
  const option = namespace === '' ? '' : ` --namespace ${shellWord(namespace)}`
  const change = isSame
    ? `Use the same number for all pools, or another "namespace". To change the number, close all pools of the namespace, and set "backend" of its row in the table lockpool_backend to '${backend}'`
    : `Use the same for all pools, or another "namespace"; ` +
      `lockpool migrate-backend --to ${here.name}${option} changes it while no lock is held, with LOCKPOOL_URL or --url of this database`
  return new BackendMismatchError(
    `this pool has ${ours}, and the locks of ${where} are kept with ${theirs}, by ${String(by)} since ` +
      `${String(since)}: the two do not exclude each other. ${change}`,
  )
}

function inWords(backend: string): { readonly name: string; readonly slots: string } {
  const [name = '', slots = '0'] = backend.split('/')
  return { name, slots: `"sharedSlots" ${slots}` }
}
