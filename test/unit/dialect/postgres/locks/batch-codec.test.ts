import { describe, expect, test } from 'vitest'
import type { LockOperation } from '../../../../../src/dialect/lock-operation.js'
import { decodeAnswers, wantedIn } from '../../../../../src/dialect/postgres/locks/batch-answers.js'
import { BatchEncoder, type EncodedBatch } from '../../../../../src/dialect/postgres/locks/batch-codec.js'
import { CODE } from '../../../../../src/dialect/postgres/locks/batch-sql.js'
import { RegistrationBook } from '../../../../../src/dialect/postgres/locks/registration-book.js'
import { encodeKey, type PostgresKey } from '../../../../../src/dialect/postgres/keys/key.js'

const op = (text: string, key: string | PostgresKey = 'orders'): LockOperation => {
  const [kind, mode = 'exclusive'] = text.split(' ') as [LockOperation['kind'], LockOperation['mode']?]
  return { kind, mode, key: typeof key === 'string' ? encodeKey(key, '') : key }
}

const NAMES = new Map<number, string>(Object.entries(CODE).map(([name, code]) => [code, name]))

const namesIn = ({ codes }: EncodedBatch): string[] => [...codes].map((code) => NAMES.get(code)!)

/** Another key with the same hash. */
const twin = (key: string): PostgresKey => {
  const { id, bits, high, low, isPair, check } = encodeKey('twin', '')
  return { id, bits, high, low, isPair, hash: encodeKey(key, '').hash, check }
}

/** Simulates one session. `run` returns the rows that the session sends for the operations, and the decoded answers. */
function session() {
  const book = new RegistrationBook()
  const encoder = new BatchEncoder(book)
  const encode = (operations: readonly LockOperation[], wanted = 0): EncodedBatch =>
    encoder.encode(operations, wanted)
  /** `said` has a character for each row. */
  const run = (said: string, ...operations: LockOperation[]): { rows: string[]; answers: string } => {
    const batch = encode(operations)
    expect(batch.codes.length, namesIn(batch).join(' ')).toBe(said.length)
    const answers = decodeAnswers(said, operations, batch, wantedIn(said, batch), book)
    return { rows: namesIn(batch), answers }
  }
  return { book, encode, run }
}

describe('rows', () => {
  test('are a byte for each operation and a binary array of keys, with a look into each bucket at the end', () => {
    const batch = session().encode([op('try', 'a'), op('release', 'b'), op('release', 'b2')])
    const { codes, keys, hashes, mayGrant, trailer } = batch

    expect([...codes]).toEqual([1, 2, 2, ...trailer.buckets.map(() => CODE.lookIntoBucket)])
    expect(keys.length).toBe(20 + 12 * codes.length)
    expect(keys.readInt32BE(12)).toBe(codes.length)
    expect(keys.readBigInt64BE(20 + 4)).toBe(BigInt(encodeKey('a', '').bits))
    expect({ hashes, mayGrant }).toEqual({ hashes: null, mayGrant: true })
  })

  test('of all but first attempts and releases in exclusive mode have the hashes of their keys', () => {
    const { hashes, isBrief, codes } = session().encode([op('try', 'a'), op('try shared', 'b')])
    const { hash, check } = encodeKey('b', '')

    expect(hashes!.length).toBe(20 + 12 * codes.length)
    expect([hashes!.readInt32BE(20 + 12 + 4), hashes!.readInt32BE(20 + 12 + 8)]).toEqual([hash, check])
    expect(isBrief).toBe(true)
    expect(session().encode([op('wait', 'a')])).toMatchObject({ isBrief: false, mayGrant: true })
    expect(session().encode([op('release', 'a')])).toMatchObject({ hashes: null, mayGrant: false })
  })

  test.each(['leave', 'wait', 'setIntent', 'yield', 'release'])('a thousand times %s fit', (kind) => {
    const { encode, book } = session()
    const keys = Array.from({ length: 1000 }, (_, i) => encodeKey(`key ${i}`, ''))
    for (const key of keys) {
      book.add(key)
      book.setIntent(key)
    }
    const { codes, keys: bytes } = encode(
      keys.map((key) => op(kind, key)),
      -1,
    )

    expect(codes.length).toBeGreaterThanOrEqual(1000)
    expect(bytes.length).toBe(20 + 12 * codes.length)
  })

  test('of readers say how they get the lock: together with another of this process, or again', () => {
    const { encode } = session()

    expect(namesIn(encode([op('join shared'), op('rejoin shared')]))).toEqual(['joinShared', 'rejoinShared'])
  })

  test('that release what could not be used are as short as releases', () => {
    const { isBrief, hashes } = session().encode([op('releaseEarly', 'a'), op('try', 'b')])

    expect({ isBrief, hashes }).toEqual({ isBrief: true, hashes: null })
  })

  test('of buckets that are entered are known, with their bits', () => {
    const batch = session().encode([op('yield', 'a'), op('yield', 'b')])
    const bit = (key: string): number => 1 << (encodeKey(key, '').hash & 31)

    expect(namesIn(batch)).toEqual(['enterBucket', 'yieldExclusive', 'enterBucket', 'yieldExclusive'])
    expect(batch.trailer.entries).toEqual([
      { row: 0, bit: bit('a') },
      { row: 2, bit: bit('b') },
    ])
    expect(batch.rowOf).toEqual([1, 3])
  })

  test('an operation that is never granted draws no token', () => {
    for (const kind of ['release', 'releaseEarly', 'leave', 'clearIntent', 'queue', 'setIntent shared'])
      expect(session().encode([op(kind)]).mayGrant, kind).toBe(false)
    for (const kind of ['try', 'wait', 'retry', 'poll', 'yield', 'join shared', 'rejoin shared'])
      expect(session().encode([op(kind)]).mayGrant, kind).toBe(true)
  })
})

describe('releases', () => {
  test('look into no bucket twice, however many they are', () => {
    const { buckets } = session().encode(
      Array.from({ length: 500 }, (_, i) => op('release', `key ${i}`)),
    ).trailer

    expect(buckets.length).toBe(32)
    expect(new Set(buckets).size).toBe(32)
  })

  test('are wanted if their bucket is, and nothing else is', () => {
    const { encode, book } = session()
    const operations = [op('release', 'a'), op('try', 'a2'), op('release', 'b'), op('release', 'c')]
    const batch = encode(operations)
    const { buckets } = batch.trailer
    const said = `dgdn${buckets.map((_, i) => (i === 0 ? 'r' : 'd')).join('')}`
    const wanted = wantedIn(said, batch)

    expect(wanted).toBe(1 << buckets[0]!)
    const isWanted = ({ key }: LockOperation): boolean => ((key as PostgresKey).hash & 31) === buckets[0]
    const expected = operations.map((each, i) => (i !== 1 && i !== 3 && isWanted(each) ? 'r' : 'dgdn'[i]))
    expect(decodeAnswers(said, operations, batch, wanted, book)).toBe(expected.join(''))
    expect(decodeAnswers(said, operations, batch, 0, book)).toBe('dgdn')
  })

  test('in a bucket that is known to be wanted each looks for itself, behind all of them', () => {
    const { encode, book } = session()
    const operations = [op('release', 'a'), op('try', 'b'), op('release shared', 'c'), op('release', 'd')]
    const batch = encode(operations, -1)

    expect(namesIn(batch)).toEqual([
      ...['releaseExclusive', 'tryExclusive', 'releaseShared', 'releaseExclusive'],
      ...['checkRegistrations', 'checkRegistrations', 'checkRegistrations'],
    ])
    expect(batch.keys.readBigInt64BE(20 + 12 * 4 + 4)).toBe(BigInt(encodeKey('a', '').hash))
    expect(decodeAnswers('ngddrrd', operations, batch, 0, book)).toBe('ngrd')
  })
})

describe('locks of a session are neither acquired twice nor unlocked when not held', () => {
  test('a registration is set once, with its bucket, and removed by the granted attempt', () => {
    const { run, book } = session()

    expect(run('dw', op('wait'))).toEqual({ rows: ['enterBucket', 'waitExclusive'], answers: 'w' })
    expect(run('n', op('retry'))).toEqual({ rows: ['retryExclusive'], answers: 'n' })
    expect(run('g', op('poll'))).toEqual({ rows: ['retryExclusive'], answers: 'g' })
    expect(book.stale, 'the bucket is left later').toBe(1 << (encodeKey('orders', '').hash & 31))
    expect(run('w', op('wait'))).toEqual({ rows: ['waitExclusive'], answers: 'w' })
    expect(book.stale).toBe(0)
  })

  test('an intent is set once by the session that got it, and removed with the grant or the registration', () => {
    const { run } = session()

    expect(run('dW', op('wait')).answers).toBe('w')
    expect(run('n', op('retry')).rows).toEqual(['retryWithIntent'])
    expect(run('g', op('retry')).rows).toEqual(['retryWithIntent'])
    expect(run('w', op('wait')).answers).toBe('w')
    expect(run('N', op('retry'))).toEqual({ rows: ['retryExclusive'], answers: 'n' })
    expect(run('rdr', op('leave'))).toEqual({
      rows: ['dropIntent', 'dropRegistration', 'couldBeShared'],
      answers: 'r',
    })
    expect(run('d', op('leave shared')).rows).toEqual(['couldBeExclusive'])
  })

  test('the intent of a reader whose writer waits is set and taken back once', () => {
    const { run } = session()

    expect(run('D', op('setIntent shared'))).toEqual({ rows: ['setIntent'], answers: 'd' })
    expect(run('r', op('setIntent shared'))).toEqual({ rows: ['nothing'], answers: 'd' })
    expect(run('rdw', op('wait')).rows, 'its writer asks in its own right').toEqual([
      ...['dropIntent', 'enterBucket', 'waitExclusive'],
    ])
    expect(run('r', op('clearIntent shared'))).toEqual({ rows: ['nothing'], answers: 'r' })
    expect(run('d', op('setIntent shared', 'other')).answers, 'another session has it').toBe('d')
    expect(run('r', op('clearIntent shared', 'other')).rows).toEqual(['nothing'])
    expect(run('D', op('setIntent shared', 'third')).rows).toEqual(['setIntent'])
    expect(run('r', op('clearIntent shared', 'third')).rows).toEqual(['dropIntent'])
    expect(run('r', op('clearIntent shared', 'third')).rows).toEqual(['nothing'])
  })

  test('if a registration cannot be set the next attempt tries again, and there is nothing to remove', () => {
    const { run } = session()

    expect(run('dc', op('wait'))).toEqual({ rows: ['enterBucket', 'waitExclusive'], answers: 'c' })
    expect(run('c', op('retry'))).toEqual({ rows: ['waitExclusive'], answers: 'c' })
    expect(run('d', op('leave')).rows).toEqual(['couldBeShared'])
    expect(run('c', op('wait shared')).rows).toEqual(['waitShared'])
    expect(run('c', op('retry shared')).rows).toEqual(['insistShared'])
    expect(run('g', op('poll shared'))).toEqual({ rows: ['waitShared'], answers: 'g' })
  })

  test('without its bucket a registration is still set, and the answer is "crowded"', () => {
    const { run } = session()

    expect(run('cw', op('wait'))).toEqual({ rows: ['enterBucket', 'waitExclusive'], answers: 'c' })
    expect(run('cn', op('retry'))).toEqual({ rows: ['enterBucket', 'retryExclusive'], answers: 'c' })
    expect(run('dn', op('retry'))).toEqual({ rows: ['enterBucket', 'retryExclusive'], answers: 'n' })
    expect(run('g', op('retry')).rows).toEqual(['retryExclusive'])
  })

  test('a yielding session keeps its registration, and nothing if the key stays', () => {
    const { run, book } = session()
    const other = encodeKey('other', '')

    expect(run('g', op('yield'))).toEqual({ rows: ['yieldAndEnter'], answers: 'g' })
    expect(book.hasEntered(other.hash)).toBe(false)
    expect(run('w', op('yield'))).toEqual({ rows: ['yieldAndEnter'], answers: 'w' })
    expect(run('g', op('retry')).rows).toEqual(['retryExclusive'])
    expect(run('c', op('yield'))).toEqual({ rows: ['yieldExclusive'], answers: 'c' })
    expect(run('g', op('retry')).rows).toEqual(['waitExclusive'])
    expect(run('n', op('yield'))).toEqual({ rows: ['yieldExclusive'], answers: 'n' })
    expect(run('ddc', op('leave'), op('queue', 'q')).answers).toBe('dc')
  })

  test('readers yield to writers when they wait and poll, and not after they were woken', () => {
    const { run } = session()

    expect(run('dw', op('wait shared')).rows.at(-1)).toBe('waitShared')
    expect(run('n', op('poll shared')).rows).toEqual(['pollShared'])
    expect(run('g', op('retry shared')).rows).toEqual(['retryShared'])
    expect(run('g', op('rejoin shared'))).toEqual({ rows: ['rejoinShared'], answers: 'g' })
  })
})

describe('two keys of one session with the same hash', () => {
  test('are one registration, which the last of them removes', () => {
    const { run, book } = session()
    run('dw', op('wait'))

    expect(run('n', op('wait', twin('orders')))).toEqual({ rows: ['tryExclusive'], answers: 'w' })
    expect(run('n', op('retry shared', twin('orders'))).rows).toEqual(['takeShared'])
    expect(run('n', op('retry')).rows, 'it is not the only one').toEqual(['tryExclusive'])
    expect(run('g', op('retry', twin('orders'))).answers).toBe('g')
    expect(run('n', op('retry')).rows, 'it is now').toEqual(['retryExclusive'])
    expect(run('r', op('queue', twin('orders'))).rows).toEqual(['nothing'])
    expect(run('d', op('leave', twin('orders'))).rows).toEqual(['couldBeShared'])
    expect(run('dr', op('leave')).rows).toEqual(['dropRegistration', 'couldBeShared'])
    expect(book.stale).not.toBe(0)
  })

  test('that are granted in one batch leave a registration behind, which the next to need it takes over', () => {
    const { run, book } = session()
    run('dw', op('wait'))
    run('n', op('wait', twin('orders')))

    expect(run('gg', op('retry'), op('retry', twin('orders'))).answers).toBe('gg')
    expect([...book.strays]).toEqual([encodeKey('orders', '').hash])
    expect(run('d', op('yield', twin('orders'))), 'it is not set twice').toEqual({
      rows: ['releaseExclusive'],
      answers: 'w',
    })
    expect([...book.strays]).toEqual([])
    expect(run('g', op('retry', twin('orders'))).rows).toEqual(['retryExclusive'])
    expect([book.isSet(encodeKey('orders', '').hash), book.strays.size]).toEqual([false, 0])
  })

  test('in one batch: a grant removes the registration, and the other attempt asks again', () => {
    const { run } = session()

    expect(run('dgn', op('wait'), op('wait', twin('orders'))).answers).toBe('gc')
    expect(run('w', op('wait', twin('orders'))).rows).toEqual(['waitExclusive'])
  })

  test('if one of them is held and yields, it is released, because registrations are unknown', () => {
    const { run } = session()
    run('dw', op('wait', twin('orders')))

    expect(run('d', op('yield'))).toMatchObject({ answers: 'w' })
    expect(run('n', op('yield'))).toMatchObject({ answers: 'n' })
  })

  test('an intent goes before the other key asks', () => {
    const { run } = session()
    run('dW', op('wait'))
    run('n', op('wait', twin('orders')))

    expect(run('rg', op('retry')).rows).toEqual(['dropIntent', 'tryExclusive'])
  })
})
