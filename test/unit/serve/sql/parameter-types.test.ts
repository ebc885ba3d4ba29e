import { expect, test } from 'vitest'
import { acceptsOid, inferredOid } from '../../../../src/serve/sql/parameter-types.js'
import type { ArgumentType, ParameterType } from '../../../../src/serve/sql/statement.js'

const parameter = (type: ArgumentType, parameterType: ParameterType) =>
  ({ is: 'parameter', index: 1, type, parameterType }) as const

const OIDS = [0, 705, 20, 23, 21, 25, 1043, 1700]

test.each<[ArgumentType, ParameterType, readonly number[]]>([
  ['int8', 'int8', [0, 705, 20, 23, 21]],
  ['int4', 'int4', [0, 705, 23, 21]],
  ['text', 'text', [0, 705, 25, 1043]],
  ['int8', 'int2', [0, 705, 21]],
  ['int8', 'int4', [0, 705, 23]],
])(
  'an argument of type %s with a parameter of %s takes what PostgreSQL casts by itself',
  (type, of, taken) => {
    expect(OIDS.filter((oid) => acceptsOid(parameter(type, of), oid))).toEqual(taken)
  },
)

test('a parameter that only the server knows has no oid', () => {
  expect(['int8', 'text', 'unknown'].map((type) => inferredOid(type as ParameterType))).toEqual([20, 25, 0])
})
