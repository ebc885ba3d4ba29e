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

/** What a written cast takes as well, and what is read here: numbers of other kinds round, which is the server's to do. */
const WRITTEN_CASTS: readonly number[] = [OIDS.int8, OIDS.int4, OIDS.int2, OIDS.text, 1043]

/**
 * Whether a parameter that the client declared with this oid may stand in the argument. If not, PostgreSQL answers 42883,
 * that there is no such function.
 */
export function acceptsOid(argument: Extract<Argument, { is: 'parameter' }>, oid: number): boolean {
  const casts = argument.isCast ? WRITTEN_CASTS : CASTS[argument.type]
  return UNDECLARED.has(oid) || casts.includes(oid)
}
