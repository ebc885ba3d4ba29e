import { errorFields, readErrorFields } from '../messages/error-fields.js'
import { UpstreamError } from '../messages/upstream-error.js'

/** The functions that an evaluation adds around an argument. The client did not write them. */
const STAND_IN = /pg_catalog\.(?:int8up|int4up|textcat)\(/

/**
 * Turns the upstream's error about an evaluation into an error about the called function. It removes the position, because
 * that refers to another text.
 */
export function evaluationError(error: unknown, name: string): unknown {
  if (!(error instanceof UpstreamError)) return error
  const fields = readErrorFields(error.bytes)
    .filter(([letter]) => letter !== 'P')
    .map(([letter, value]) => [letter, value.replace(STAND_IN, `${name}(`)] as const)
  return new UpstreamError(errorFields(fields))
}
