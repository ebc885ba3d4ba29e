import fc from 'fast-check'
import { scanSync } from 'libpg-query'
import { describe, expect, test } from 'vitest'
import { scan } from '../../../../src/serve/sql/scan.js'
import { SeededRandom } from '../../../../src/testing/seeded-random.js'
import { randomSql } from '../../../support/sql-garble.js'
import { isMisreadByJudge } from '../../../support/sql-judge.js'

const values = (text: string, standardStrings = true): readonly string[] =>
  scan(text, standardStrings).tokens.map(({ value }) => value)

/** Texts made of pieces that are hard for scanners. */
const tricky: fc.Arbitrary<string> = fc
  .array(
    fc.constantFrom(
      ...'\'"\\$;-/*eEuU&nNbBxX1_a é\n\r(),.:@+'.split(''),
      '/*',
      '*/',
      '--',
      '$$',
      "''",
      "E'",
      'U&"',
      '😀',
    ),
    { maxLength: 24 },
  )
  .map((parts) => parts.join(''))

describe('a string comes back as it was', () => {
  const double = (text: string, quote: string): string => text.replaceAll(quote, quote + quote)
  const hex = (text: string, prefix: string, digits: number): string =>
    Array.from(text, (one) => prefix + one.codePointAt(0)!.toString(16).padStart(digits, '0')).join('')

  test.each<[string, (text: string) => string, boolean]>([
    ["'...'", (text) => `'${double(text, "'")}'`, true],
    ["'...' with escapes", (text) => `'${double(double(text, '\\'), "'")}'`, false],
    ["E'...'", (text) => `E'${double(double(text, '\\'), "'")}'`, true],
    ["E'\\U...'", (text) => `e'${hex(text, '\\U', 8)}'`, false],
    ["U&'...'", (text) => `U&'${double(double(text, '\\'), "'")}'`, true],
    ["U&'\\+...'", (text) => `u&'${hex(text, '\\+', 6)}'`, true],
    ["U&'...' UESCAPE", (text) => `U&'${hex(text, '!+', 6)}' /* ' */ UESCAPE '!'`, true],
    ['$tag$...$tag$', (text) => `$tag$${text}$tag$`, true],
    ['"..."', (text) => `"x${double(text, '"')}"`.replace('"x', '"'), true],
    ["'...' in lines", (text) => `'${Array.from(text, (one) => double(one, "'")).join("' -- '\n '")}'`, true],
  ])('%s', (_, quoted, standardStrings) => {
    fc.assert(
      fc.property(tricky, (text) => {
        // A quoted name cannot be empty, and `$tag$` would end the text early.
        fc.pre(text !== '' && !text.includes('$tag'))
        expect(values(`( ${quoted(text)} )`, standardStrings)).toEqual(['(', text, ')'])
      }),
    )
  })
})

test('for any input tokens are in order, with only space and comments between them', () => {
  fc.assert(
    fc.property(tricky, fc.boolean(), (text, standardStrings) => {
      const { tokens, problem } = scan(text, standardStrings)
      expect(problem?.at ?? 0).toBeLessThanOrEqual(text.length)
      let end = 0
      for (const token of tokens) {
        expect(token.start).toBeGreaterThanOrEqual(end)
        expect(scan(text.slice(end, token.start), true)).toEqual({ tokens: [], problem: null })
        expect(token.end).toBeGreaterThan(token.start)
        end = token.end
      }
    }),
    { numRuns: 1000 },
  )
})

test("tokens end where those of PostgreSQL's own scanner end", () => {
  const random = new SeededRandom(7)
  let compared = 0
  for (let i = 0; i < 3000; i++) {
    // PostgreSQL's scanner counts bytes. It also returns UESCAPE as a separate token, which the parser removes later.
    const text = randomSql(random).replaceAll(/[\u0080-\uffff]/g, '_')
    if (/uescape/i.test(text) || isMisreadByJudge(text)) continue
    const real = ends(text)
    const { tokens, problem } = scan(text, true)
    if (real === null || problem !== null) continue
    compared++
    expect({ text, ends: tokens.map(({ end }) => end) }).toEqual({ text, ends: real })
  }
  expect(compared).toBeGreaterThan(1000)
})

function ends(text: string): readonly number[] | null {
  try {
    const { tokens } = scanSync(text)
    return tokens.filter(({ tokenName }) => !tokenName.endsWith('COMMENT')).map(({ end }) => end)
  } catch {
    return null
  }
}

test.each([
  ['a$$b$$', ['a$$b$$']],
  ['1..2', ['1', '..', '2']],
  ['@-1', ['@-', '1']],
  ['*-1', ['*', '-', '1']],
  ['<=-1', ['<=', '-', '1']],
  ['a/*x*/b', ['a', 'b']],
  ['+/*x*/-', ['+', '-']],
  ["N'x'", ['n', 'x']],
  ["B'1' X'F'", ['1', 'F']],
  ['$1a', ['1', 'a']],
  ['É', ['É']],
])('%j is read as PostgreSQL reads it', (text, expected) => {
  expect(values(text)).toEqual(expected)
})

test.each([
  ["'", 'unterminated quoted string'],
  ['"', 'unterminated quoted identifier'],
  ['""', 'zero-length delimited identifier'],
  ['/* /* */', 'unterminated /* comment'],
  ['$$', 'unterminated dollar-quoted string'],
  ["E'\\u12'", 'invalid Unicode escape'],
  ["E'\\uD800'", 'invalid Unicode surrogate pair'],
  ["U&'\\0000'", 'invalid Unicode escape value'],
  ["U&'x' UESCAPE '+'", 'invalid Unicode escape character'],
  ["E'\\000'", 'invalid byte sequence for encoding "UTF8": 0x00'],
])('%s is refused', (text, message) => {
  expect(scan(text, true).problem).toMatchObject({ message })
})
