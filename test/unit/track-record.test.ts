import { expect, test } from 'vitest'
import { read } from '../support/repository.js'

test('every test that the track record names exists', () => {
  const page = read('docs/reference/track-record.md')
  const named = [...page.matchAll(/`(test\/[^`]+)`, "([^"]+)"/g)].map(([, file, name]) => ({ file, name }))

  expect(named.length).toBeGreaterThan(15)
  expect(named.filter(({ file, name }) => !read(file!).includes(name!))).toEqual([])
})
