import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, test } from 'vitest'
import { blocks, filesOf, pages, read, ROOT, section, tableRows } from '../support/repository.js'

describe('llms.txt', () => {
  const TEXT = read('llms.txt')
  const LINKS = [...TEXT.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link!)

  test('has a title, a quote that says what it is, and lists of links', () => {
    expect(TEXT).toMatch(/^# lockpool\n\n> .+\n/)
    expect(TEXT.match(/^## .+$/gm)?.length).toBeGreaterThan(3)
    const items = TEXT.slice(TEXT.indexOf('\n## ')).match(/^- .*$/gm) ?? []
    expect(items.filter((item) => !/^- \[.+\]\(.+\)/.test(item))).toEqual([])
  })

  test('every link leads to a page for users', () => {
    const wrong = LINKS.filter(
      (link) => !/^docs\/.*\.md$|^CHANGELOG\.md$/.test(link) || !existsSync(join(ROOT, link)),
    )
    expect(wrong).toEqual([])
  })

  test('every page of the documentation is named in it', () => {
    const missing = filesOf('docs', '.md').filter(({ path }) => !LINKS.includes(path))
    expect(missing.map(({ path }) => path)).toEqual([])
  })

  test('its example is that of the readme, which is compiled and run', () => {
    expect(blocks(TEXT, 'ts')).toEqual([blocks(read('README.md'), 'ts')[0]])
  })

  test('every code of an error that it names is one', () => {
    const codes = new Set(tableRows(read('docs/reference/errors.md')).map(([code]) => code))
    const named = [...TEXT.matchAll(/`[A-Z]+_[A-Z_]+`/g)].map(([code]) => code)
    expect(named.length).toBeGreaterThan(8)
    expect(named.filter((code) => !codes.has(code))).toEqual([])
  })
})

test('every picture that a page shows is there', () => {
  const wrong = pages().flatMap(({ path, prose }) =>
    [...prose.matchAll(/(?:src|srcset)="([^"]+)"/g)]
      .map(([, file]) => posix.join(posix.dirname(path), file!))
      .filter((file) => !existsSync(join(ROOT, file)))
      .map((file) => `${path}: ${file}`),
  )
  expect(wrong).toEqual([])
})

test('every page of the documentation can be reached from docs/README.md', () => {
  const reached = new Set(['docs/README.md'])
  for (const page of reached)
    for (const [, link] of read(page).matchAll(/\]\((?!https?:)([^)#\s]+\.md)/g)) {
      const target = posix.join(posix.dirname(page), link!)
      if (target.startsWith('docs/')) reached.add(target)
    }
  expect(
    filesOf('docs', '.md')
      .map(({ path }) => path)
      .filter((path) => !reached.has(path)),
  ).toEqual([])
})

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
    const rows = tableRows(section(PAGE, 'In the database that you already have'))
    const unexplained = rows.filter(([, lockpool]) => !lockpool!.includes(']('))
    expect(rows.length).toBeGreaterThan(10)
    expect(unexplained).toEqual([])
  })
})

test('every command of npm that a page or a script names is one, and CONTRIBUTING.md has those that one types', () => {
  const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts)
  const texts = [...pages(), ...filesOf('scripts', '.mjs')].filter(({ path }) => path !== 'CHANGELOG.md')
  const unknown = texts.flatMap(({ path, text }) =>
    [...text.matchAll(/(?<!-- )npm run (?:--silent )?([\w:]+)/g)]
      .filter(([, name]) => !scripts.includes(name!))
      .map(([command]) => `${path}: ${command}`),
  )
  const told = read('CONTRIBUTING.md')
  const untold = scripts.filter(
    (name) =>
      !['build', 'prepack', 'postpack', 'test', 'start'].includes(name) && !told.includes(`npm run ${name}`),
  )
  expect({ unknown, untold }).toEqual({ unknown: [], untold: [] })
})
