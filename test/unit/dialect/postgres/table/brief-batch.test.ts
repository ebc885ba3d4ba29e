import { expect, test } from 'vitest'
import { encodeKey } from '../../../../../src/dialect/postgres/keys/key.js'
import {
  decodeBrief,
  encodeBrief,
  type BriefRow,
} from '../../../../../src/dialect/postgres/table/brief-batch.js'
import { CODE, FLAG, isBrief, type RowRequest } from '../../../../../src/dialect/rows/operations.js'

const { newExclusive, tryExclusive, releaseExclusive, waitExclusive, newShared } = CODE

function request(key: bigint, code: number, token = 0n): RowRequest {
  return { operation: { kind: 'try', mode: 'exclusive', key: encodeKey(key, '') }, code, token }
}

const USUAL: BriefRow = {
  floor: '2048',
  made: null,
  taken: null,
  tokens: null,
  released: null,
  awaited: null,
}

const BATCH = [
  request(9n, tryExclusive),
  request(-4n, newExclusive),
  request(3n, releaseExclusive, 5120n),
  request(-5n, newExclusive),
  request(-1n, tryExclusive),
  request(4n, releaseExclusive, 6144n),
]

test('only first attempts and releases are brief', () => {
  const areBrief = (...codes: number[]): boolean => isBrief(codes.map((code, i) => request(BigInt(i), code)))
  expect(areBrief(tryExclusive, releaseExclusive, newExclusive)).toBe(true)
  expect(areBrief(tryExclusive, waitExclusive)).toBe(false)
  expect(areBrief(newShared)).toBe(false)
})

test('keys come in order, those without a row by themselves', () => {
  const { order, releases } = encodeBrief(BATCH)
  expect(order.made.map((i) => BATCH[i]!.operation.key.bits)).toEqual(['-5', '-4'])
  expect(order.rows.map((i) => BATCH[i]!.operation.key.bits)).toEqual(['-1', '3', '4', '9'])
  expect(releases).toBe(2)
})

test('an attempt comes with no token, and so does not look like a release', () => {
  const { tokens } = encodeBrief([request(1n, tryExclusive, 7n), request(2n, releaseExclusive, 1024n)])
  expect(tokens.readBigInt64BE(24)).toBe(0n)
  expect(tokens.readBigInt64BE(36)).toBe(1024n)
})

test('operations that are not listed have the usual answer', () => {
  const results = decodeBrief(
    { ...USUAL, taken: '1 4', tokens: '8192 9216' },
    BATCH,
    encodeBrief(BATCH).order,
  )
  expect(results).toEqual([
    { flags: FLAG.owns, token: '9216' },
    { flags: FLAG.owns, token: '3072' },
    { flags: FLAG.isFree, token: '' },
    { flags: FLAG.owns, token: '3072' },
    { flags: FLAG.owns, token: '8192' },
    { flags: FLAG.isFree, token: '' },
  ])
})

test('a refusal is reported as null, with the waiters for what was released', () => {
  const answer = { ...USUAL, made: '-5', taken: '4', tokens: '8192', released: '3', awaited: '3' }
  expect(decodeBrief(answer, BATCH, encodeBrief(BATCH).order)).toEqual([
    { flags: FLAG.owns, token: '8192' },
    null,
    null,
    { flags: FLAG.owns, token: '3072' },
    null,
    { flags: FLAG.isFree | FLAG.isAwaited, token: '' },
  ])
  const nothing = decodeBrief({ ...USUAL, made: '', released: '' }, BATCH, encodeBrief(BATCH).order)
  expect(nothing).toEqual(BATCH.map(() => null))
})
