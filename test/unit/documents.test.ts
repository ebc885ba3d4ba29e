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

  test('every error code that it names exists', () => {
    const codes = new Set(tableRows(read('docs/reference/errors.md')).map(([code]) => code))
    const named = [...TEXT.matchAll(/`[A-Z]+_[A-Z_]+`/g)].map(([code]) => code)
    expect(named.length).toBeGreaterThan(8)
    expect(named.filter((code) => !codes.has(code))).toEqual([])
  })
})

test('every picture of a page exists', () => {
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

  test('statements about another system have a source', () => {
    const unsourced = OTHERS.filter((heading) => !section(PAGE, heading).includes('](https://'))
    expect(OTHERS.length).toBeGreaterThan(7)
    expect(unsourced).toEqual([])
  })

  test('each system has a sentence on when it is the better choice', () => {
    expect(OTHERS.filter((heading) => !section(PAGE, heading).includes('**Better**'))).toEqual([])
  })

  test('statements about lockpool in the first table link to their explanation or measurement', () => {
    const rows = tableRows(section(PAGE, 'In the database that you already have'))
    const unexplained = rows.filter(([, lockpool]) => !lockpool!.includes(']('))
    expect(rows.length).toBeGreaterThan(10)
    expect(unexplained).toEqual([])
  })
})

test('every npm command that a page or a script names exists, and CONTRIBUTING.md lists those for people', () => {
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
