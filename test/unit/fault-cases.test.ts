import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const ROOT = new URL('../../', import.meta.url)

const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8')

/** The rows of the page, with the cells number, case, test and notes. */
const rows = read('docs/reference/fault-cases.md')
  .split('\n')
  .filter((line) => /^\| +\w/.test(line) && !line.startsWith('| # ') && !/^\| +# /.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))

test('all 68 cases are there, and each has a test, or a reason why not', () => {
  const numbers = rows.flatMap(([, number]) => {
    const [from, to] = number!.split('-').map(Number)
    return to === undefined ? [from!] : Array.from({ length: to - from! + 1 }, (_, i) => from! + i)
  })

  expect(numbers.filter((number) => !Number.isNaN(number))).toEqual(
    Array.from({ length: 68 }, (_, i) => i + 1),
  )
  expect(rows.filter(([, , , held, notes]) => held === '' && notes === '')).toEqual([])
})

test.each(rows.filter(([, , , held]) => held !== ''))(
  '%s case %s (%s) is held by a test of that name',
  (...cells) => {
    const [, file, name] = /^`([^`]+)`: (.+)$/.exec(cells[3]!) ?? []

    expect(read(file!)).toContain(name)
  },
)

test('files that the notes name are there', () => {
  for (const [file] of read('docs/reference/fault-cases.md').matchAll(
    /\b(?:test|docs)\/[\w/-]+(?:\.[\w-]+)+/g,
  )) {
    expect(() => read(file), file).not.toThrow()
  }
})
