import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LockDeadlockError } from '../../../src/base/errors.js'
import {
  asciiOf,
  jsonLine,
  printable,
  printableLines,
  quoted,
  shellWord,
} from '../../../src/base/printable.js'
import { explain } from '../../../src/dialect/postgres/connection/server-errors.js'
import { holdersInWords } from '../../../src/dialect/postgres/transaction/transaction-words.js'
import { keyInWords, semaphoreInWords } from '../../../src/dialect/key-words.js'

/**
 * Characters of each harmful kind: control characters such as ESC, DEL, CSI and NEL, line separators, and characters that
 * change the direction of text.
 */
const EVIL = [
  '\u0000\u0007\u001b\n\r\t',
  '\u007f\u0085\u009b\u009f',
  '\u2028\u2029',
  '\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069',
].join('')

const HARMFUL = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u

test('shown and logged text cannot move the cursor, change colors, break lines or reverse text', () => {
  const text = `a${EVIL}b`

  for (const shown of [printable(text), quoted(text), jsonLine({ name: text })])
    expect(shown).not.toMatch(HARMFUL)
  expect(printable(text)).toHaveLength(text.length)
  expect(printable('Ünïcode 漢字 🔑')).toBe('Ünïcode 漢字 🔑')
  expect(printable('\ud800')).toBe('\ufffd')
  expect(printableLines('one\u009b\ntwo')).toBe('one\ufffd\ntwo')
})

test('text that is quoted or written in ASCII loses nothing', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.constant(EVIL)), (text) => {
      expect(JSON.parse(quoted(text))).toBe(text)
      expect(quoted(text)).not.toMatch(HARMFUL)
      expect(asciiOf(text)).toMatch(/^[\x20-\x7e]*$/)
    }),
  )
  expect(asciiOf('é🔑')).toBe(String.raw`\u{e9}\u{1f511}`)
})

test.each([
  ['a key', keyInWords(EVIL)],
  ['a semaphore', semaphoreInWords(EVIL)],
  ['who holds it', holdersInWords([{ pid: 7, application_name: EVIL, client_addr: null }])],
  ['a message of the server', explain(Object.assign(new Error(EVIL), { code: '42501' })).message],
  [
    'a circle',
    new LockDeadlockError({
      key: keyInWords(EVIL),
      cycle: [
        { process: EVIL, holds: EVIL, waitsFor: EVIL },
        { process: EVIL, holds: null, waitsFor: EVIL },
      ],
    }).message,
  ],
])('%s is harmless in a message', (_, message) => {
  expect(message).not.toMatch(HARMFUL)
})

test.each([
  ['billing', 'billing'],
  ['--to', '--to'],
  ['a b', "'a b'"],
  ["it's", String.raw`'it'\''s'`],
  ['$(rm)', "'$(rm)'"],
  ['=ls', "'=ls'"],
  ['', "''"],
  ["\u001b'", String.raw`$'\u001b\''`],
])('as a word for a shell, %j is %j', (text, word) => {
  expect(shellWord(text)).toBe(word)
})
