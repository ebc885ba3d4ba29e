import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clipped, padded, textWidth } from '../../../src/cli/text-width.js'
import { tableLines } from '../../../src/cli/inspect/columns.js'

test.each([
  ['', 0],
  ['invoice 4711', 12],
  ['日本語', 6],
  ['한국어 lock', 11],
  ['ＡＢ', 4],
  ['ｱｲ', 2],
  ['e\u0301te\u0301', 3],
  ['🔒', 2],
  ['👩‍👩‍👧', 2],
  ['❤️', 2],
  ['Ω', 1],
])('%j takes %i cells', (text, cells) => {
  expect(textWidth(text)).toBe(cells)
})

test('cut and padded text has exactly the requested width', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 30 })
  fc.assert(
    fc.property(text, fc.integer({ min: 2, max: 40 }), (written, width) => {
      const cut = clipped(written, width)
      expect(textWidth(cut)).toBeLessThanOrEqual(width)
      if (textWidth(written) <= width) expect(cut).toBe(written)
      else expect(cut.endsWith('…')).toBe(true)
      expect(textWidth(padded(cut, width))).toBe(width)
      expect(textWidth(padded(cut, width, true))).toBe(width)
    }),
  )
  expect([clipped('abc', 1), clipped('abc', 0), clipped('日本', 3)]).toEqual(['…', '', '日…'])
})

test('columns stand below each other whatever is written in them', () => {
  const names = ['plain', '注文 4711', '🔒 lock', 'e\u0301te\u0301', '한국어']
  const columns = [
    { title: 'key', cell: (name: string) => name, widest: 10 },
    { title: 'next', cell: () => '|' },
  ]
  const { head, body } = tableLines(columns, names, 80)
  const at = textWidth(head.slice(0, head.indexOf('next')))
  for (const line of body) expect(textWidth(line.slice(0, line.indexOf('|')))).toBe(at)
  for (const line of tableLines(columns, names, 14).body) expect(textWidth(line)).toBeLessThanOrEqual(14)
})
