import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Sha256 } from '../../../src/base/sha256.js'

const sha256 = new Sha256()

function hexOf(words: Int32Array): string {
  return [...words].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
}

function nodes(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex')
}

test('is that of Node.js, for every length up to three blocks and more', () => {
  for (let length = 0; length <= 200; length++) {
    const text = Array.from({ length }, (_, i) => String.fromCharCode(i % 128)).join('')
    expect(hexOf(sha256.begin().add(text).end()), `${length} bytes`).toBe(nodes(text))
  }
})

test('is that of Node.js, for text of all characters, in any number of pieces', () => {
  const text = fc.string({ unit: 'binary', maxLength: 200 })
  fc.assert(
    fc.property(fc.array(text, { maxLength: 4 }), (pieces) => {
      sha256.begin()
      for (const piece of pieces) sha256.add(piece)
      expect(hexOf(sha256.end())).toBe(nodes(pieces.join('')))
    }),
    { numRuns: 2000 },
  )
})

test('a lone surrogate is encoded as every UTF-8 encoder does', () => {
  const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code))
  const surrogate = fc.integer({ min: 0xd800, max: 0xdfff }).map((code) => String.fromCharCode(code))
  fc.assert(
    fc.property(fc.array(fc.oneof(unit, surrogate), { maxLength: 100 }), (units) => {
      expect(hexOf(sha256.begin().add(units.join('')).end())).toBe(nodes(units.join('')))
    }),
    { numRuns: 2000 },
  )
})

test('is that of Node.js, for text of many blocks', () => {
  const text = 'many blocks, é and 🔒 '.repeat(10_000)

  expect(hexOf(sha256.begin().add(text).end())).toBe(nodes(text))
})
