import { expect, test } from 'vitest'
import { acceptsOid, inferredOid } from '../../../../src/serve/sql/parameter-types.js'
import type { ArgumentType, ParameterType } from '../../../../src/serve/sql/statement.js'

const OIDS = [0, 705, 20, 23, 21, 25, 1043, 1700]

test.each<[ArgumentType, boolean, readonly number[]]>([
  ['int8', false, [0, 705, 20, 23, 21]],
  ['int4', false, [0, 705, 23, 21]],
  ['text', false, [0, 705, 25, 1043]],
  ['int8', true, [0, 705, 20, 23, 21, 25, 1043]],
])('an argument of type %s (with a cast: %s) takes what PostgreSQL casts', (type, isCast, taken) => {
  const argument = { is: 'parameter', index: 1, type, parameterType: type, isCast } as const
  expect(OIDS.filter((oid) => acceptsOid(argument, oid))).toEqual(taken)
})

test('a parameter that only the server knows has no oid', () => {
  expect(['int8', 'text', 'unknown'].map((type) => inferredOid(type as ParameterType))).toEqual([20, 25, 0])
})
