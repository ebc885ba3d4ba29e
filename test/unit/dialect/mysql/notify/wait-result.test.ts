import { expect, test } from 'vitest'
import { resultOf, resultOfError } from '../../../../../src/dialect/mysql/notify/wait-result.js'

const ID = 7
const failure = (errno: number): Error => Object.assign(new Error('x'), { errno, sqlState: 'HY000' })

test('a wait for a name ends by a free lock, an interruption or its time, or is not possible', () => {
  expect(resultOf(['2,3', 0, ID], true)).toBe('free')
  expect(resultOf([null, null, ID], true)).toBe('interrupted')
  expect(resultOf([null, 0, ID], true)).toBe('over')
  expect(resultOf([null, 1, ID], true), 'no session holds the name').toBe('unable')
})

test('an interrupted sleep returns 1, if the server answers without an error', () => {
  expect(resultOf([null, 1, ID], false)).toBe('interrupted')
  expect(resultOf([null, 0, ID], false)).toBe('over')
  expect(resultOf(['1', 0, ID], false)).toBe('free')
})

test('an interruption and a deadlock are results, and other errors end the connection', () => {
  expect(resultOfError(failure(1317))).toBe('interrupted')
  expect(resultOfError(failure(1213)), 'MariaDB').toBe('unable')
  expect(resultOfError(failure(3058)), 'MySQL').toBe('unable')
  expect(resultOfError(failure(1064))).toBeNull()
  expect(resultOfError(new Error('the connection was closed'))).toBeNull()
})
