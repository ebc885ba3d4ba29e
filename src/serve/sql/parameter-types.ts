import type { Argument, ArgumentType, ParameterType } from './statement.js'

/** Type oids in Parse that declare nothing: 0 and 705 (`unknown`) leave the type to the server. */
const UNDECLARED = new Set([0, 705])

const OIDS: Readonly<Record<Exclude<ParameterType, 'unknown'>, number>> = {
  bool: 16,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
}

/** Types that PostgreSQL implicitly casts to the type of an argument. A varchar counts as a text. */
const CASTS: Readonly<Record<ArgumentType, readonly number[]>> = {
  int8: [OIDS.int8, OIDS.int4, OIDS.int2],
  int4: [OIDS.int4, OIDS.int2],
  text: [OIDS.text, 1043, 1042, 19],
}

/** The oid in ParameterDescription for a parameter that the client did not declare; 0 if only the upstream knows it. */
export const inferredOid = (type: ParameterType): number => (type === 'unknown' ? 0 : OIDS[type])

/** Types that an explicit cast also accepts and that are read here. Other numbers are rounded, which only the server does. */
const WRITTEN_CASTS: readonly number[] = [OIDS.int8, OIDS.int4, OIDS.int2, OIDS.text, 1043]

/**
 * Whether a client may declare this oid for a parameter in this argument. If not, PostgreSQL answers 42883: there is no such
 * function.
 */
export function acceptsOid(argument: Extract<Argument, { is: 'parameter' }>, oid: number): boolean {
  const casts = argument.isCast ? WRITTEN_CASTS : CASTS[argument.type]
  return UNDECLARED.has(oid) || casts.includes(oid)
}
