import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { int16, int32, text } from '../../../../src/serve/messages/backend.js'
import {
  formatAt,
  readBind,
  readExecute,
  readNamed,
  readParse,
  readQuery,
} from '../../../../src/serve/messages/frontend.js'
import { ProtocolError } from '../../../../src/serve/messages/protocol-error.js'
import { SqlError } from '../../../../src/serve/messages/sql-error.js'
import { readStartupPacket } from '../../../../src/serve/startup/startup-packet.js'

const READERS = { readBind, readExecute, readNamed, readParse, readQuery, readStartupPacket }

describe('the bodies of messages', () => {
  test.each(Object.entries(READERS))('%s reads random bytes, or refuses them clearly', (_, read) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          read(Buffer.from(bytes))
        } catch (error) {
          expect(error instanceof ProtocolError || error instanceof SqlError).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('Bind has formats and values, of which NULL has no bytes', () => {
    const body = Buffer.concat([
      text('portal'),
      text('statement'),
      int16(1),
      int16(1),
      int16(2),
      int32(4),
      int32(7),
      int32(-1),
      int16(0),
    ])
    expect(readBind(body)).toEqual({
      portal: 'portal',
      statement: 'statement',
      formats: [1],
      values: [int32(7), null],
      resultFormats: [],
    })
  })

  test('a count of values that are not there is not believed', () => {
    const body = Buffer.concat([text(''), text(''), int16(0), int16(65_535)])
    expect(() => readBind(body)).toThrow('insufficient data left in message')
  })

  test('as many formats as values, one for all, or none', () => {
    const body = Buffer.concat([
      text(''),
      text(''),
      int16(2),
      int16(0),
      int16(1),
      int16(1),
      int32(0),
      int16(0),
    ])
    expect(() => readBind(body)).toThrow('2 parameter formats but 1 parameters')
    expect([formatAt([], 3), formatAt([1], 3), formatAt([0, 1], 1)]).toEqual([0, 1, 1])
  })

  test('a text that is no UTF-8 is refused, and one with a replacement character is not', () => {
    expect(() => readQuery(Buffer.from([0x53, 0xe9, 0x20, 0]))).toThrow(
      expect.objectContaining({ state: '22021' }) as Error,
    )
    expect(readQuery(text('SELECT \ufffd'))).toBe('SELECT \ufffd')
  })
})
