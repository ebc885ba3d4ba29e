import { expect, test } from 'vitest'
import { didYouMean, nearest } from '../../../src/cli/nearest.js'

const WORDS = ['run', 'demo', '--wait', '--no-wait', '--kill-after']

test.each([
  ['rnu', 'run'],
  ['rum', 'run'],
  ['dem', 'demo'],
  ['--wiat', '--wait'],
  ['--nowait', '--no-wait'],
  ['--kill-afetr', '--kill-after'],
  ['run', 'run'],
  ['zebra', null],
  ['ab', null],
  ['', null],
])('%j was meant to be %j', (word, meant) => {
  expect(nearest(word, WORDS)).toBe(meant)
  expect(didYouMean(word, WORDS)).toBe(meant === null ? '' : `; did you mean ${meant}?`)
})

test('the closest name wins, and among equals the first', () => {
  expect(nearest('--waits', ['--wants', '--wait'])).toBe('--wants')
  expect(nearest('--waits', ['--wanted', '--wait'])).toBe('--wait')
})
