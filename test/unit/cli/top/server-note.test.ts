import { expect, test } from 'vitest'
import { serverNote } from '../../../../src/cli/top/run-top.js'

test('after a fail-over top says where the server is, and how long it was away', () => {
  expect(serverNote('a:1', 'a:1', null), 'as ever').toBeNull()
  expect(serverNote(null, null, null), 'where that is not known').toBeNull()
  expect(serverNote('a:1', 'b:2', 4200)).toBe('the server is b:2 now, and was away for 4.2 s')
  expect(serverNote('a:1', 'b:2', null), 'between two looks').toBe('the server is b:2 now')
  expect(serverNote('a:1', 'a:1', 4200), 'a restart').toBe('the server is back, and was away for 4.2 s')
})
