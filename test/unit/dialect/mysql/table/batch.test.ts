import { expect, test } from 'vitest'
import {
  decodeBatch,
  decodeBrief,
  decodeWord,
  encodeBatch,
  encodeBrief,
} from '../../../../../src/dialect/mysql/table/batch.js'
import { encodeRowKey } from '../../../../../src/dialect/mysql/table/key.js'
import { CODE, FLAG, type RowRequest } from '../../../../../src/dialect/rows/operations.js'
import { OutcomeUnknown } from '../../../../../src/dialect/rows/statement-runner.js'

const { tryExclusive, newExclusive, releaseExclusive, waitShared } = CODE

function request(name: string, code: number, token = 0n): RowRequest {
  return { operation: { kind: 'try', mode: 'exclusive', key: encodeRowKey(name, '') }, code, token }
}

const bitsOf = ({ operation }: RowRequest): bigint => BigInt(operation.key.bits)

test('operations are sent in the order of their keys as the server has it', () => {
  const batch = Array.from({ length: 50 }, (_, i) => request(`key ${i}`, waitShared, BigInt(i)))
  const { operations, order } = encodeBatch(batch)
  const sorted = batch.toSorted((a, b) => (bitsOf(a) < bitsOf(b) ? -1 : 1))
  expect(order.map((i) => batch[i])).toEqual(sorted)
  expect(operations).toBe(
    `[${sorted.map((each) => `[${bitsOf(each)},${waitShared},${each.token}]`).join(',')}]`,
  )
})

test('each operation gets its own answer, and one without an answer was not carried out', () => {
  const batch = ['a', 'b', 'c'].map((name) => request(name, waitShared))
  const { order } = encodeBatch(batch)
  const results = decodeBatch(' 3:2:4096', batch, order)
  const last = order[2]!
  expect(results[last]).toEqual({ flags: FLAG.reads, token: '4096' })
  expect(results.filter((each) => each === null)).toHaveLength(2)
  expect(decodeBatch('', batch, order)).toEqual([null, null, null])
})

test('a brief batch reports created, acquired and released rows, and the operations that must be sent again as the first waiter', () => {
  const batch = [
    request('new', newExclusive),
    request('free', tryExclusive),
    request('taken', tryExclusive),
    request('first', tryExclusive),
    request('ours', releaseExclusive, 2048n),
    request('lost', releaseExclusive, 1024n),
    request('wanted', releaseExclusive, 3072n),
  ]
  const brief = encodeBrief(batch)
  const words: Readonly<Record<number, string>> = { 1: '5120', 2: 'n', 3: 'q', 4: 'd', 5: 'n', 6: 'w' }
  const done = brief.order.map((i) => words[i]).join(' ')
  const { results, first } = decodeBrief(['2048', 1, null, done], batch, brief)
  expect(results).toEqual([
    { flags: FLAG.owns, token: '3072' },
    { flags: FLAG.owns, token: '5120' },
    null,
    null,
    { flags: FLAG.isFree, token: '' },
    null,
    { flags: FLAG.isFree | FLAG.isAwaited, token: '' },
  ])
  expect(first).toEqual([3])
})

test('a row that was expected to be new and that another process has created meanwhile is not granted', () => {
  const batch = [request('a', newExclusive), request('b', newExclusive)]
  const { results } = decodeBrief(['0', 1, batch[1]!.operation.key.bits, null], batch, encodeBrief(batch))
  expect(results).toEqual([null, { flags: FLAG.owns, token: '1024' }])
})

test('a truncated answer counts as an unknown outcome', () => {
  const batch = [request('a', tryExclusive), request('b', tryExclusive)]
  expect(() => decodeBrief(['0', 0, null, '1024'], batch, encodeBrief(batch))).toThrow(OutcomeUnknown)
})

test.each([
  ['d', { flags: FLAG.isFree, token: '' }],
  ['w', { flags: FLAG.isFree | FLAG.isAwaited, token: '' }],
  ['2048', { flags: FLAG.owns, token: '2048' }],
  ['n', null],
])('the word %s of a single operation', (word, result) => {
  expect(decodeWord(word)).toEqual(result)
})
