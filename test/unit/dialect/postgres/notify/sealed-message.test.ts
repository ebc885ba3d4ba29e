import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { readNotification } from '../../../../../src/dialect/postgres/notify/notifications.js'
import {
  LONGEST_MESSAGE,
  Seal,
  secretName,
} from '../../../../../src/dialect/postgres/notify/sealed-message.js'

const SECRET = randomBytes(32)

test('processes that know the secret can read a sealed message, which fits into a notification', () => {
  const [one, other] = [new Seal(SECRET, 'here'), new Seal(Buffer.from(SECRET), 'here')]
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (message) => {
      expect(other.open(one.close(message)!)).toBe(message)
    }),
  )
  const longest = one.close('x'.repeat(LONGEST_MESSAGE))!
  expect(`0123456789 tell ${longest}`.length).toBeLessThan(8000)
  expect(other.open(longest)).toHaveLength(LONGEST_MESSAGE)
  expect(one.close('x'.repeat(LONGEST_MESSAGE + 1))).toBeNull()
})

test('the same message never looks the same, and shows nothing of itself', () => {
  const seal = new Seal(SECRET, 'here')
  const sealed = Array.from({ length: 50 }, () => seal.close('invoice 4711 of process 17 on alpha')!)

  expect(new Set(sealed).size).toBe(50)
  for (const each of sealed) {
    expect(each).toMatch(/^[\w-]+$/)
    expect(Buffer.from(each, 'base64url').toString('latin1')).not.toMatch(/invoice|4711|alpha/)
  }
})

test('a message without the secret, for another channel, or changed on the way is ignored', () => {
  const seal = new Seal(SECRET, 'here')
  const sealed = seal.close('a message')!
  const bytes = Buffer.from(sealed, 'base64url')

  expect(new Seal(randomBytes(32), 'here').open(sealed)).toBeNull()
  expect(new Seal(SECRET, 'there').open(sealed)).toBeNull()
  for (let i = 0; i < bytes.length; i++) {
    const changed = Buffer.from(bytes)
    changed[i]! ^= 1
    expect(seal.open(changed.toString('base64url'))).toBeNull()
    expect(seal.open(bytes.subarray(0, i).toString('base64url'))).toBeNull()
  }
  expect(secretName(SECRET, 'here')).not.toBe(secretName(SECRET, 'there'))
})

test.each([
  '',
  ' ',
  'tell',
  'x tell',
  'x tell ',
  'x tell AAAA',
  `x tell ${'A'.repeat(8000)}`,
  'x tell ["a.1",1,"k","exclusive",[["a.1","p",null,"k"]]]',
  `x tell ${'['.repeat(7000)}`,
  `x tell {"__proto__":{"isListening":true}}`,
  '\0 tell \0',
  `${'x'.repeat(7990)} tell`,
  'x TELL AAAA',
  'x tell2 AAAA',
])('"%s" reveals nothing', (payload) => {
  const handlers = { onWakeUp: vi.fn(), onTicket: vi.fn(), onMessage: vi.fn() }
  const seal = new Seal(SECRET, 'here')

  readNotification(payload, handlers, (sealed) => seal.open(sealed))

  for (const ear of Object.values(handlers)) expect(ear).not.toHaveBeenCalled()
})

test('of a message that names too many keys the rest are ignored', () => {
  const handlers = { onWakeUp: vi.fn(), onTicket: vi.fn(), onMessage: vi.fn() }

  readNotification(`x ring${' 1'.repeat(3900)}`, handlers, () => null)

  expect(handlers.onWakeUp.mock.calls.length).toBe(300)
})
