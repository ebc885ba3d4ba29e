import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import {
  DASHBOARD_FLAGS,
  readDashboardOrder,
  type DashboardOrder,
} from '../../../../src/cli/dashboard/dashboard-order.js'
import { parseFlags } from '../../../../src/cli/flags.js'
import { UsageError } from '../../../../src/cli/usage-error.js'

const TOKEN = 'a token of enough length'
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

function order(argv: readonly string[], token?: string): DashboardOrder {
  const { flags, args } = parseFlags(DASHBOARD_FLAGS, argv)
  return readDashboardOrder(flags, args, token === undefined ? {} : { LOCKPOOL_DASHBOARD_TOKEN: token })
}

test('on loopback everyone may read, and without --allow-end there is no token', () => {
  for (const args of [[], ['--listen', 'localhost'], ['--listen', '::1']])
    expect(order(args)).toMatchObject({
      isTokenOurs: false,
      options: { hosts: LOOPBACK, token: '', readers: 'anybody', ending: false },
    })
})

test.each([
  [['--allow-end'], 'anybody', true],
  [['--listen', '0.0.0.0'], 'token', false],
] as const)('%j takes a token: a new one, or that of the environment', (args, readers, ending) => {
  const first = order(args)
  expect(first).toMatchObject({ isTokenOurs: true, options: { readers, ending } })
  expect(first.options.token).not.toBe(order(args).options.token)
  expect(order(args, TOKEN)).toMatchObject({ isTokenOurs: false, options: { token: TOKEN } })
})

test.each([
  [['--listen', '0.0.0.0'], [hostname()]],
  [['--listen', '::'], [hostname()]],
  [
    ['--listen', '10.0.0.7'],
    [hostname(), '10.0.0.7'],
  ],
  [
    ['--listen', 'fe80::1%eth0'],
    [hostname(), '[fe80::1]'],
  ],
  [
    ['--listen', '0.0.0.0', '--name', 'locks.internal', '--name', '[fd00::1]'],
    ['locks.internal', '[fd00::1]'],
  ],
])('%j is reached under the names of loopback and %j', (args, names) => {
  expect(order(args).options.hosts).toEqual([...LOOPBACK, ...names])
})

test('if it listens on every address, it prints a URL with a host name', () => {
  expect(order([]).host).toBe('127.0.0.1')
  expect(order(['--listen', '::1']).host).toBe('[::1]')
  expect(order(['--listen', '0.0.0.0']).host).toBe(hostname())
  expect(order(['--listen', '::', '--name', 'locks.internal']).host).toBe('locks.internal')
})

test.each([
  ['a port', ['--name', 'locks:7433'], /^--name must be host names, .* got "locks:7433"$/],
  ['a scheme', ['--name', 'http://locks'], /^--name .* got "http:\/\/locks"$/],
  ['an address without brackets', ['--name', 'fd00::1'], /^--name /],
  ['an argument', ['locks'], /takes no arguments/],
])('%s is refused in the words of the command line', (_, args, message) => {
  expect(() => order(args)).toThrow(UsageError)
  expect(() => order(args)).toThrow(message)
})

test.each(['short', 'long'.repeat(51)])('a token like %s is refused, and not shown', (token) => {
  expect(() => order(['--allow-end'], token)).toThrow(
    /^LOCKPOOL_DASHBOARD_TOKEN must have from 16 to 200 characters$/,
  )
})
