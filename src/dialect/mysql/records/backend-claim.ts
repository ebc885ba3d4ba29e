import { BackendMismatchError } from '../../../base/errors.js'
import { quoted } from '../../../base/printable.js'
import { errorNumber, isDenied, NO_SUCH_TABLE } from '../connection/server-errors.js'
import type { OwnRow, ServerConnection } from '../connection/server-connection.js'
import { CLAIM_BACKEND, CREATE_BACKEND, READ_BACKEND } from './backend-sql.js'

/** How the locks of a namespace are kept. */
export type Backend = 'named' | 'table'

/** The request of a pool to keep the locks of a namespace with a backend. */
export interface BackendClaim {
  readonly namespace: string
  readonly backend: Backend
  /** Names the pool for people. */
  readonly by: string
}

/**
 * Records how the locks of a namespace are kept, if there is no record yet.
 *
 * @throws {BackendMismatchError} the locks of the namespace are kept with another backend
 */
export async function claimBackend(server: ServerConnection, claim: BackendClaim): Promise<void> {
  const row = (await read(server, claim)) ?? (await write(server, claim))
  if (row !== undefined && row[0] !== claim.backend) throw mismatch(row, claim)
}

/** Does the same for named locks, which do not need the table. Creates the table if this user may. */
export async function claimBackendIfPossible(server: ServerConnection, claim: BackendClaim): Promise<void> {
  try {
    await claimBackend(server, claim)
  } catch (error) {
    if (errorNumber(error) !== NO_SUCH_TABLE) throw error
    await server.say(CREATE_BACKEND)
    await claimBackend(server, claim)
  }
}

/** Whether the table is missing, or this user may not use it. */
export function isPlaceGone(error: unknown): boolean {
  return errorNumber(error) === NO_SUCH_TABLE || isDenied(error)
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
  return new BackendMismatchError(
    `this pool has backend "${backend}", and the locks of ${where} are kept with backend "${String(kept)}", by ${String(by)} since ` +
      `${String(since)}: the two do not exclude each other. Use the same for all pools, or another "namespace"`,
  )
}
