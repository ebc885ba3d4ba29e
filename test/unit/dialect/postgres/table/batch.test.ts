import { describe, expect, test } from 'vitest'
import { encodeKey } from '../../../../../src/dialect/postgres/keys/key.js'
import { decodeAsk, encodeAsk } from '../../../../../src/dialect/postgres/table/batch.js'
import { CODE, FLAG, type RowRequest } from '../../../../../src/dialect/rows/operations.js'

function request(key: bigint, code: number = CODE.tryExclusive): RowRequest {
  return { operation: { kind: 'try', mode: 'exclusive', key: encodeKey(key, '') }, code, token: 0n }
}

describe('rows of a batch', () => {
  test('come in the order of their keys at the server, whatever the order of the requests', () => {
    const keys = [
      5n,
      -1n,
      2n ** 40n,
      -(2n ** 63n),
      2n ** 63n - 1n,
      0n,
      -(2n ** 40n),
      2n ** 31n,
      2n ** 32n - 1n,
    ]
    const { order } = encodeAsk(keys.map((key) => request(key)))
    expect(order.map((i) => keys[i])).toEqual(keys.toSorted((a, b) => (a < b ? -1 : 1)))
  })

  test('each operation gets its own answer', () => {
    const batch = [
      request(9n),
      request(-4n, CODE.newExclusive),
      request(3n),
      request(11n, CODE.waitExclusive),
    ]
    const { order } = encodeAsk(batch)
    const results = decodeAsk(
      { floor: '0', made: '-4:1024', done: `3:${FLAG.owns}:4096: 4:${FLAG.waits}:1024:5` },
      batch,
      order,
    )
    expect(results).toEqual([
      { flags: FLAG.owns, token: '4096' },
      { flags: FLAG.owns, token: '1024' },
      null,
      { flags: FLAG.waits, token: '1024', others: 5 },
    ])
  })
})
