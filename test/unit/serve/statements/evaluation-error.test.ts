import { expect, test } from 'vitest'
import { errorFields, readErrorFields } from '../../../../src/serve/messages/error-fields.js'
import { UpstreamError } from '../../../../src/serve/messages/upstream-error.js'
import { evaluationError } from '../../../../src/serve/statements/evaluation-error.js'

test('an error of an evaluation names the function that the client called, and no place in a text it did not write', () => {
  const upstream = new UpstreamError(
    errorFields([
      ['S', 'ERROR'],
      ['C', '42883'],
      ['M', 'function pg_catalog.int8up(numeric) does not exist'],
      ['H', 'Das ä hilft.'],
      ['P', '8'],
    ]),
  )
  const error = evaluationError(upstream, 'pg_advisory_lock') as UpstreamError
  expect(error.bytes.readInt32BE(1)).toBe(error.bytes.length - 1)
  expect(readErrorFields(error.bytes)).toEqual([
    ['S', 'ERROR'],
    ['C', '42883'],
    ['M', 'function pg_advisory_lock(numeric) does not exist'],
    ['H', 'Das ä hilft.'],
  ])
})

test('other errors stay what they are', () => {
  const error = new Error('x')
  expect(evaluationError(error, 'pg_advisory_lock')).toBe(error)
})
