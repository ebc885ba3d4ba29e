import { describe, expect, test } from 'vitest'
import { parseFlags } from '../../../../src/cli/flags.js'
import { readServeOrder, SERVE_FLAGS, type ServeOrder } from '../../../../src/cli/serve/serve-order.js'
import { UsageError } from '../../../../src/cli/usage-error.js'

function order(...argv: string[]): ServeOrder {
  return readServeOrder({ ...parseFlags(SERVE_FLAGS, argv), rest: null })
}

describe('the order for lockpool serve', () => {
  test('has its defaults', () => {
    expect(order('--trust')).toEqual({
      authQuery: null,
      host: '127.0.0.1',
      port: 6543,
      max: 5,
      maxClients: 10_000,
      usersFile: null,
      tls: null,
      others: { kind: 'refuse' },
      mayPin: false,
      leaseMs: 60_000,
      isStrict: false,
      graceMs: 10_000,
      loginTimeoutMs: 10_000,
      idleTimeoutMs: Infinity,
      metrics: null,
      isDev: false,
      isJson: false,
      url: undefined,
      namespace: '',
    })
  })

  test.each([
    ['0.0.0.0:7000', '0.0.0.0', 7000],
    ['[::1]:7000', '::1', 7000],
    ['::1', null, 0],
    [':7000', '127.0.0.1', 7000],
    ['7000', '127.0.0.1', 7000],
    ['db.internal', 'db.internal', 6543],
    ['127.0.0.1:70000', null, 0],
  ])('reads the address %s', (text, host, port) => {
    const read = (): ServeOrder => order('--users', 'file', '--listen', text)
    if (host === null) expect(read).toThrow(UsageError)
    else expect(read()).toMatchObject({ host, port })
  })

  test.each([
    ['nobody who may log in', []],
    ['trust on an address that others reach', ['--trust', '--listen', '0.0.0.0:6543']],
    [
      'trust on a name that only looks like a loopback address',
      ['--trust', '--listen', '127.0.0.1.example:1'],
    ],
    ['users and trust', ['--trust', '--users', 'file']],
    ['users that are asked for, and trust', ['--trust', '--auth-query', 'SELECT 1']],
    ['a certificate without a key', ['--trust', '--tls-cert', 'file']],
    ['a lease of less than a second', ['--trust', '--lease', '500ms']],
    ['to pin where everything is refused', ['--trust', '--unknown', 'pin']],
    ['a database of its own and another one', ['--dev', '--url', 'postgres://x']],
    ['others to what is no URL', ['--trust', '--others', 'http://x']],
    ['an argument', ['--trust', 'x']],
  ])('refuses %s', (_, argv) => {
    expect(() => order(...argv)).toThrow(UsageError)
  })

  test.each(['127.0.0.1:1', '127.9.9.9:1', 'localhost:1', '[::1]:1'])('trusts on %s', (listen) => {
    expect(order('--trust', '--listen', listen).usersFile).toBeNull()
  })

  test('passes others on, or to a URL', () => {
    expect(order('--trust', '--others', 'pass').others).toEqual({ kind: 'pass' })
    const url = 'postgres://app@127.0.0.1:6432/app'
    expect(order('--trust', '--others', url, '--unknown', 'pin')).toMatchObject({
      others: { kind: 'url', url },
      mayPin: true,
    })
  })
})
