import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { message } from '../../../../src/serve/messages/backend.js'
import { MessageReader, type Message } from '../../../../src/serve/messages/message-reader.js'
import { ProtocolError } from '../../../../src/serve/messages/protocol-error.js'

function reader(maxBytes = 1000): MessageReader {
  const made = new MessageReader()
  made.isStartup = false
  made.maxBytes = maxBytes
  return made
}

function allOf(from: MessageReader): Message[] {
  const found: Message[] = []
  for (let next = from.next(); next !== null; next = from.next()) found.push(next)
  return found
}

describe('messages of a client', () => {
  test('are the same however their bytes are cut into chunks', () => {
    const one = fc.tuple(fc.integer({ min: 1, max: 255 }), fc.uint8Array({ maxLength: 60 }))
    fc.assert(
      fc.property(fc.array(one, { maxLength: 12 }), fc.array(fc.nat(200)), (messages, cuts) => {
        const bytes = Buffer.concat(messages.map(([type, body]) => message(type, Buffer.from(body))))
        const from = reader()
        const found: [number, string][] = []
        let at = 0
        for (const length of [...cuts, bytes.length]) {
          from.push(bytes.subarray(at, at + length))
          at += length
          for (const { type, body } of allOf(from)) found.push([type, body.toString('hex')])
        }
        expect(found).toEqual(messages.map(([type, body]) => [type, Buffer.from(body).toString('hex')]))
        expect(from.pending).toBe(0)
      }),
    )
  })

  test('that come byte by byte take no more room than their bytes', () => {
    const from = reader(1 << 20)
    const body = Buffer.alloc(200_000, 'x')
    const bytes = message(0x51, body)
    let most = 0
    for (let at = 0; at < bytes.length - 1; at++) {
      from.push(bytes.subarray(at, at + 1))
      most = Math.max(most, from.buffers)
    }
    expect(most).toBeLessThan(100)
    expect(from.next()).toBeNull()
    from.push(bytes.subarray(-1))
    expect(from.next()!.body.equals(body)).toBe(true)
  })

  test('that are longer than allowed are refused before they are there', () => {
    const from = reader(100)
    from.push(Buffer.from([0x51, 0x7f, 0xff, 0xff, 0xff]))
    expect(() => from.next()).toThrow(ProtocolError)
  })

  test.each([0, 1, 3, -1, -2_147_483_648])('with the length %i are refused', (length) => {
    const from = reader()
    const bytes = Buffer.alloc(5)
    bytes.writeInt32BE(length, 1)
    from.push(bytes)
    expect(() => from.next()).toThrow('invalid message length')
  })

  test('of random bytes end in a message, in a wait for more, or in a clear refusal', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.boolean(), (chunks, isStartup) => {
        const from = reader(50)
        from.isStartup = isStartup
        try {
          for (const chunk of chunks) {
            from.push(Buffer.from(chunk))
            allOf(from)
            // At most one incomplete message waits for more bytes, and its length is allowed.
            expect(from.pending).toBeLessThanOrEqual(isStartup ? 10_000 : 51)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }),
    )
  })
})
