import { errorFields, readErrorFields } from '../messages/error-fields.js'
import { UpstreamError } from '../messages/upstream-error.js'

/** What stands around an argument when it is evaluated: no client wrote that. */
const STAND_IN = /pg_catalog\.(?:int8up|int4up|textcat)\(/

/**
 * The upstream's error about the arguments of a function, as one about that function. Its place in the text is left out: it is
 * that of another text.
 */
export function evaluationError(error: unknown, name: string): unknown {
  if (!(error instanceof UpstreamError)) return error
  const fields = readErrorFields(error.bytes)
    .filter(([letter]) => letter !== 'P')
    .map(([letter, value]) => [letter, value.replace(STAND_IN, `${name}(`)] as const)
  return new UpstreamError(errorFields(fields))
}
