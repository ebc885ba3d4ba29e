import { toSqlError } from '../locks/lock-errors.js'
import { report } from '../messages/backend.js'
import { ProtocolError } from '../messages/protocol-error.js'
import { SqlError } from '../messages/sql-error.js'

/** The answer to a client for an error. A bug of lockpool goes to `failed`, and the client gets no details. */
export function errorResponse(
  error: unknown,
  severity: 'ERROR' | 'FATAL',
  failed: (error: unknown) => void,
): Buffer {
  const known = toSqlError(error)
  if (known instanceof SqlError) {
    const { state: code, message, detail, hint, position } = known
    return report({ severity, code, message, detail, hint, position })
  }
  if (known instanceof ProtocolError) return report({ severity, code: '08P01', message: known.message })
  failed(known)
  return report({ severity, code: 'XX000', message: 'internal error of lockpool serve' })
}
