import { describe, expect, test } from 'vitest'
import { read, tableRows } from '../support/repository.js'

/** Pages whose tables name the test that checks each line. The page must name every test of `files`. */
const PAGES: readonly { readonly page: string; readonly files: readonly string[] }[] = [
  { page: 'docs/guides/from-psycopg2-pool.md', files: ['test/integration/psycopg2-pool.test.ts'] },
  {
    page: 'docs/guides/as-pg-pool.md',
    files: ['promises', 'differences', 'defects']
      .map((topic) => `test/integration/pg-pool-${topic}.test.ts`)
      .concat('test/integration/pg-client-promises.test.ts'),
  },
]

interface Claim {
  readonly what: string
  readonly file: string
  readonly name: string
}

/**
 * The claims of a page, with their tests. If a section names a test file, its rows contain only names of tests. Otherwise a row
 * names the file before the test.
 */
function claimsOf(page: string): Claim[] {
  return read(page)
    .split(/^## /m)
    .flatMap((section) => {
      const prose = section.split('\n').filter((line) => !line.startsWith('|'))
      const [, stated] = /`(test\/[\w/-]+\.test\.ts)`/.exec(prose.join('\n')) ?? []
      return tableRows(section).map((cells) => {
        const held = cells.at(-1)!
        const [, file, name] = /^`([^`]+)`: (.+)$/.exec(held) ?? [null, stated ?? '', held]
        return { what: cells[0]!, file, name }
      })
    })
}

/** The names of the tests in a file, as they are written: names with placeholders for parameters included. */
function testNamesOf(file: string): string[] {
  const calls = read(file).matchAll(/\btest(?:\.each\([\s\S]*?\])?\)?\(\s*(['"`])((?:(?!\1).)+)\1/g)
  return [...calls].map(([, , name]) => name!)
}

describe.each(PAGES)('$page', ({ page, files }) => {
  const claims = claimsOf(page)

  test('has lines, and each is held by a test of that name', () => {
    expect(claims.length).toBeGreaterThan(10)
    const wrong = claims.filter(({ file, name }) => file === '' || !read(file).includes(name))
    expect(wrong).toEqual([])
  })

  test.each(files)('names every test of %s', (file) => {
    const names = testNamesOf(file)
    const named = new Set(claims.filter((claim) => claim.file === file).map(({ name }) => name))
    expect(names.length).toBeGreaterThan(4)
    expect(names.filter((name) => !named.has(name))).toEqual([])
  })
})
