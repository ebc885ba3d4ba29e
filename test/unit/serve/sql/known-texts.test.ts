import { expect, test } from 'vitest'
import { KnownTexts } from '../../../../src/serve/sql/known-texts.js'
import { recognize } from '../../../../src/serve/sql/recognize.js'
import { SeededRandom } from '../../../../src/testing/seeded-random.js'
import { randomSql } from '../../../support/sql-garble.js'

const STANDARD = { standardConformingStrings: true }

/** Parts of texts that differ only in their numbers, or look as if they did. */
const HEADS = [
  'SELECT pg_advisory_lock(',
  'select pg_catalog.pg_try_advisory_lock(',
  '  SELECT pg_advisory_unlock(',
  'SELECT pg_advisory_xact_lock_shared(',
  'SELECT hashtext(',
  'SELECT pg_sleep(',
  'SELECT x.pg_advisory_lock(',
  'SELECT pg_advisory_lock_shared (',
]
const KEYS = ['1', '-1', '007', '999999999', '1, 2', '-3,4', '1,-2', '9999999999', '1, 99999999999', '- 1']
const TAILS = [')', ');', ') AS held', ') x ;', ') for update', '); commit', ') limit', ') as', ') ; ;']

test('a cached text with other numbers gives the same result as reading it', () => {
  const known = new KnownTexts()
  for (const head of HEADS)
    for (const tail of TAILS)
      for (const key of KEYS) {
        const text = `${head}${key}${tail}`
        expect(known.recognize(text, STANDARD), text).toEqual(recognize(text, STANDARD))
      }
})

test('a text that comes again is read as it was, whatever comes in between', () => {
  const known = new KnownTexts()
  const random = new SeededRandom(7)
  const texts = Array.from({ length: 2000 }, () => randomSql(random))
  for (let round = 0; round < 2; round++)
    for (const text of texts) expect(known.recognize(text, STANDARD), text).toEqual(recognize(text, STANDARD))
})

test('a backslash is read by the setting, whatever was read before', () => {
  const known = new KnownTexts()
  const text = String.raw`SELECT 'a\', pg_advisory_lock(1) --'`
  for (const standardConformingStrings of [true, false])
    expect(known.recognize(text, { standardConformingStrings })).toEqual(
      recognize(text, { standardConformingStrings }),
    )
})

test('a text that comes again is not read again', () => {
  const known = new KnownTexts()
  const text = 'SELECT pg_advisory_lock($1)'
  expect(known.recognize(text, STANDARD)).toBe(known.recognize(text, STANDARD))
  const [numbered] = known.recognize('SELECT pg_advisory_lock(1)', STANDARD).statements
  const [again] = known.recognize('SELECT pg_advisory_lock(2)', STANDARD).statements
  expect(again).toMatchObject({ kind: 'select', parameters: [] })
  expect((again as { parameters: object }).parameters).toBe((numbered as { parameters: object }).parameters)
})
