import { expect, test } from 'vitest'
import { resolveDashboardOptions } from '../../../src/dashboard/dashboard-options.js'

test('without options it listens on loopback and only shows', () => {
  expect(resolveDashboardOptions({})).toEqual({
    path: '',
    onError: null,
    hosts: [],
    token: '',
    ending: false,
    readers: 'anybody',
  })
})

test.each([
  [{ token: 'short' }, /^"token" must have from 16 to 200 characters$/],
  [{ token: 'long'.repeat(51) }, /^"token" must have from 16 to 200 characters$/],
  [{ ending: true }, /need a "token"/],
  [{ readers: 'token' as const }, /need a "token"/],
  [{ path: 'admin' }, /"path" must begin with a slash/],
  [{ path: '/admin/' }, /"path" must begin with a slash/],
  [{ path: '/a"b' }, /"path" must begin with a slash/],
  [{ hosts: ['x', 'https://x'] }, /"hosts" must be host names, .* got "https:\/\/x"/],
  [{ hosts: ['x:80'] }, /"hosts" must be host names, .* got "x:80"/],
  [{ hosts: 'x' as never }, /"hosts" must be a list/],
])('%j is refused', (options, message) => {
  expect(() => resolveDashboardOptions(options)).toThrow(message)
})

test('an option that does not exist is refused', () => {
  const options: object = { colour: 'red' }
  expect(() => resolveDashboardOptions(options)).toThrow(/unknown option "colour"/)
})
