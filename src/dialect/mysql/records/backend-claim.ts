import { BackendMismatchError } from '../../../base/errors.js'
import { quoted } from '../../../base/printable.js'
import { errorNumber, isDenied, NO_SUCH_TABLE } from '../connection/server-errors.js'
import type { OwnRow, ServerConnection } from '../connection/server-connection.js'
import { CLAIM_BACKEND, CREATE_BACKEND, READ_BACKEND } from './backend-sql.js'

/** How the locks of a namespace are kept. */
export type Backend = 'named' | 'table'

/** Who wants to keep the locks of a namespace in which way. */
export interface BackendClaim {
  readonly namespace: string
  readonly backend: Backend
  /** For people. */
  readonly by: string
}

/**
 * Writes down how the locks of a namespace are kept, unless that is written down.
 *
 * @throws {BackendMismatchError} they are kept in another way
 */
export async function claimBackend(server: ServerConnection, claim: BackendClaim): Promise<void> {
  const row = (await read(server, claim)) ?? (await write(server, claim))
  if (row !== undefined && row[0] !== claim.backend) throw mismatch(row, claim)
}

/** The same where there may be no place for it: named locks do not need the table, which is made if this user may. */
export async function claimBackendIfPossible(server: ServerConnection, claim: BackendClaim): Promise<void> {
  try {
    await claimBackend(server, claim)
  } catch (error) {
    if (errorNumber(error) !== NO_SUCH_TABLE) throw error
    await server.say(CREATE_BACKEND)
    await claimBackend(server, claim)
  }
}

/** Whether there is no place to write it down, or no right to use that. */
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
