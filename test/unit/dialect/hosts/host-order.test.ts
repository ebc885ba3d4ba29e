import { expect, test } from 'vitest'
import { HostOrder } from '../../../../src/dialect/hosts/host-order.js'
import type { Outcome } from '../../../../src/dialect/hosts/host-race.js'

const [a, b, c] = ['a', 'b', 'c'].map((host) => ({ host, port: 5432 })) as [Host, Host, Host]
interface Host {
  readonly host: string
  readonly port: number
}

const names = (order: HostOrder): string => order.hosts.map(({ host }) => host).join('')
const outcome = (host: Host, isHeard: boolean, error: unknown = null): Outcome => ({
  place: { host, address: null },
  ...{ error, role: null, isHeard },
})

test('the last primary is asked first', () => {
  const order = new HostOrder([a, b, c])
  expect(names(order)).toBe('abc')
  order.opened(b)
  expect(names(order)).toBe('bac')
})

test('a last primary that was silent is asked last, until it is the primary again', () => {
  const order = new HostOrder([a, b, c])
  order.opened(b)
  order.failed([outcome(a, true), outcome(b, false), outcome(c, true)])
  expect(names(order)).toBe('acb')
  order.failed([outcome(a, true, new Error('standby'))])
  expect(names(order), 'it was not asked').toBe('acb')
  order.opened(b)
  expect(names(order)).toBe('bac')
})

test('a last primary that refuses or has answered stays first', () => {
  const order = new HostOrder([a, b, c])
  order.opened(b)
  order.failed([outcome(b, false, new Error('ECONNREFUSED'))])
  expect(names(order)).toBe('bac')
  order.failed([outcome(b, true)])
  expect(names(order)).toBe('bac')
})

test('one of several addresses that answers is enough', () => {
  const order = new HostOrder([a, b])
  order.opened(a)
  order.failed([outcome(a, false), outcome(a, true)])
  expect(names(order)).toBe('ab')
})
