import { expect, test } from 'vitest'
import { isGreaterToken, SeenTokens } from '../../../src/dialect/seen-tokens.js'

test.each([
  ['2', '1'],
  ['10', '9'],
  ['1883124001366286336', '1883124001366286335'],
  ['9223372036854775807', '999999999999999999'],
  ['1024', '0'],
])('%s is greater than %s, and not the other way round, nor than itself', (greater, smaller) => {
  expect(isGreaterToken(greater, smaller)).toBe(true)
  expect(isGreaterToken(smaller, greater)).toBe(false)
  expect(isGreaterToken(greater, greater)).toBe(false)
})

test('a value below zero is no token', () => {
  expect(isGreaterToken('-1024', '0')).toBe(false)
  expect(isGreaterToken('-99999', '1024')).toBe(false)
})

test('the greatest is kept, in whatever order answers come', () => {
  const seen = new SeenTokens()
  for (const token of ['1024', '4096', '2048', '-5000']) seen.saw(token)

  expect(seen.greatest).toBe('4096')
})
