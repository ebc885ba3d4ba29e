import { expect, test } from 'vitest'
import { connectionSource } from '../../../src/cli/connection.js'

test.each([
  ['the flag comes first', 'a', { LOCKPOOL_URL: 'b' }, { url: 'a', source: '--url' }],
  [
    'then LOCKPOOL_URL',
    undefined,
    { LOCKPOOL_URL: 'b', DATABASE_URL: 'c' },
    { url: 'b', source: 'LOCKPOOL_URL' },
  ],
  ['empty is not set', undefined, { LOCKPOOL_URL: '' }, null],
  ['the rest is for the library', undefined, { DATABASE_URL: 'c' }, null],
])('%s', (_, url, env, expected) => {
  expect(connectionSource(url, env)).toEqual(expected)
})
