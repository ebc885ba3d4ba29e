import type { Argument, ArgumentType, ParameterType } from './statement.js'

/** What a client declares in Parse, as oids of PostgreSQL; 0 and 705 leave it to the server. */
const UNDECLARED = new Set([0, 705])

const OIDS: Readonly<Record<Exclude<ParameterType, 'unknown'>, number>> = {
  bool: 16,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
}

/** Types that PostgreSQL casts by itself to that of an argument. A varchar is taken for a text. */
const CASTS: Readonly<Record<ArgumentType, readonly number[]>> = {
  int8: [OIDS.int8, OIDS.int4, OIDS.int2],
  int4: [OIDS.int4, OIDS.int2],
  text: [OIDS.text, 1043, 1042, 19],
}

/** The oid that ParameterDescription says for a parameter that the client did not declare; 0 if only the upstream knows. */
export const inferredOid = (type: ParameterType): number => (type === 'unknown' ? 0 : OIDS[type])

/**
 * Whether a parameter that the client declared with this oid may stand in the argument. If not, PostgreSQL answers 42883,
 * that there is no such function. A cast that is written around the parameter decides before the function does, and takes
 * more types than are known here: then only the type of the cast itself is taken for sure.
 */
export function acceptsOid(argument: Extract<Argument, { is: 'parameter' }>, oid: number): boolean {
  if (UNDECLARED.has(oid)) return true
  const { type, parameterType } = argument
  if (parameterType === type) return CASTS[type].includes(oid)
  return parameterType !== 'unknown' && OIDS[parameterType] === oid
}
