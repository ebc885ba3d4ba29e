import { describe, expect, test } from 'vitest'
import { read, section, tableRows } from '../support/repository.js'

describe('docs/comparison.md', () => {
  const PAGE = read('docs/comparison.md')
  const OTHERS = [...PAGE.matchAll(/^## (.*)$/gm)]
    .map(([, heading]) => heading!)
    .filter((heading) => !heading.startsWith('In ') && !heading.startsWith('What lockpool'))

  test('what is said of another system has a source', () => {
    const unsourced = OTHERS.filter((heading) => !section(PAGE, heading).includes('](https://'))
    expect(OTHERS.length).toBeGreaterThan(7)
    expect(unsourced).toEqual([])
  })

  test('each has a word on when it is the better choice', () => {
    expect(OTHERS.filter((heading) => !section(PAGE, heading).includes('**Better**'))).toEqual([])
  })

  test('what is said of lockpool in the first table leads to where it is explained or measured', () => {
    const rows = tableRows(section(PAGE, 'In the database that is there already'))
    const unexplained = rows.filter(([, lockpool]) => !lockpool!.includes(']('))
    expect(rows.length).toBeGreaterThan(10)
    expect(unexplained).toEqual([])
  })
})
