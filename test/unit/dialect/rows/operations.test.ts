import { expect, test } from 'vitest'
import { answerOf, codeOf, FLAG } from '../../../../src/dialect/rows/operations.js'

test('an operation that acquires nothing has the same code whether its row is known or not', () => {
  for (const kind of ['join', 'rejoin', 'leave', 'release', 'setIntent', 'clearIntent', 'yield'] as const)
    expect(codeOf({ kind, mode: 'exclusive' }, false)).toBe(codeOf({ kind, mode: 'exclusive' }, true))
})

test.each([
  ['try', FLAG.owns, 'g'],
  ['try', null, 'n'],
  ['wait', FLAG.owns | FLAG.isAwaited, 'g'],
  ['wait', FLAG.waits, 'w'],
  ['wait', null, 'w'],
  ['retry', FLAG.waits | FLAG.isFree, 'n'],
  ['release', FLAG.isFree, 'd'],
  ['release', FLAG.isFree | FLAG.isAwaited, 'r'],
  ['release', null, 'n'],
  ['leave', FLAG.isFree, 'r'],
  ['leave', FLAG.isAwaited, 'd'],
  ['yield', FLAG.owns, 'g'],
  ['yield', FLAG.waits | FLAG.isFree | FLAG.isAwaited, 'w'],
  ['yield', null, 'n'],
] as const)('%s of a row that says %s is answered with %s', (kind, flags, answer) => {
  expect(answerOf({ kind }, flags === null ? null : { flags, token: '1024' })).toBe(answer)
})
