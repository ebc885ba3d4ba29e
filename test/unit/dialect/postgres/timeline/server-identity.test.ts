import { expect, test } from 'vitest'
import { serverName } from '../../../../../src/dialect/postgres/timeline/server-identity.js'

test('a timeline is a number in any notation of PostgreSQL, and null if it is unknown', () => {
  expect(serverName('a:1', { name: '0000001F', system: '77', started: '1.5' })).toEqual({
    host: 'a:1',
    timeline: 31,
    system: '77',
    started: '1.5',
    instance: null,
  })
  const unknown = { host: 'a:1', timeline: null, system: null, started: null, instance: null }
  expect(serverName('a:1', null)).toEqual(unknown)
  expect(serverName('a:1', { name: null, system: null, started: '2' })).toEqual({ ...unknown, started: '2' })
})
