/**
 * Compares what this repository says about itself with what it is: layers, sizes, diagrams, options, errors, events, links,
 * examples. Every check lists all problems, so one run shows everything.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { OptionSpec } from '../src/base/options.js'
import { HOOKS } from '../src/dialect/postgres/pool/connection-hooks.js'
import { DASHBOARD_OPTIONS, resolveDashboardOptions } from '../src/dashboard/dashboard-options.js'
import { EMBEDDED_POSTGRES_OPTIONS } from '../src/embedded/embedded-postgres-options.js'
import { CAMPAIGN_MOVES } from '../src/lock/campaign/campaign-state.js'
import { LISTENER_MOVES } from '../src/lock/contention/notification-listener.js'
import { KEY_MOVES } from '../src/lock/key/key-state.js'
import { LOCK_POOL_OPTIONS } from '../src/lock/lock-pool-options.js'
import { SEMAPHORE_MOVES } from '../src/lock/semaphore/semaphore-state.js'
import { SESSION_MOVES } from '../src/lock/session/session.js'
import { POOL_OPTIONS } from '../src/pool/pool-options.js'
import { SLOT_MOVES } from '../src/pool/slot.js'
import { checkExamples } from './support/examples.js'
import { cyclesIn } from './support/cycles.js'
import { bannedPhrases, bannedTitles, replacedIdentifiers } from './support/plain-english.js'
import {
  blocks,
  codeOf,
  filesOf,
  importsOf,
  pages,
  read,
  ROOT,
  section,
  stringsOf,
  tableRows,
} from './support/repository.js'

const SOURCES = filesOf('src', '.ts')
const ALL_CODE = [
  ...SOURCES,
  ...filesOf('test', '.ts'),
  ...filesOf('bench', '.ts'),
  ...filesOf('examples', '.ts'),
]
const ARCHITECTURE = read('ARCHITECTURE.md')

/** Drivers, with the folders that may import them. The command-line program uses a driver as any program does. */
const KNOW_DRIVER: Readonly<Record<string, readonly string[]>> = {
  pg: ['src/dialect/postgres/', 'src/cli/'],
  mysql2: ['src/dialect/mysql/', 'src/cli/'],
  'mysql2/promise': ['src/dialect/mysql/'],
}

/** Files that still import each other. The list must become empty. */
const CYCLES: readonly (readonly string[])[] = [
  // The command table loads its commands when they run, and the command `completion` writes the table for shells.
  ['src/cli/command-table.ts', 'src/cli/commands/completion.ts'],
]

describe('layers', () => {
  const rows = tableRows(section(ARCHITECTURE, 'Layers')).map(([folder, , allowed]) => ({
    name: folder!.replace(/^`src\/(.*?)\/?`$/, '$1'),
    allowed: allowed!,
  }))
  const names = rows.map(({ name }) => name)
  const mayImport = new Map(rows.map(({ name, allowed }) => [name, listOf(allowed, names)]))

  test('the table in ARCHITECTURE.md names layers that exist, and allows only layers it names', () => {
    const unknown = [...mayImport.values()].flat().filter((name) => !names.includes(name))
    const missing = names.filter((name) => !existsSync(join(ROOT, 'src', name)))
    expect({ unknown, missing }).toEqual({ unknown: [], missing: [] })
  })

  test('no file imports from a layer that the table does not allow', () => {
    const wrong = SOURCES.flatMap((file) => {
      const from = layerOf(file.path, names)
      if (from === null) return [`${file.path} is in no layer of the table`]
      return importsOf(file)
        .map((target) => ({ target, to: layerOf(target, names) }))
        .filter(({ to }) => to !== from && !(to !== null && mayImport.get(from)!.includes(to)))
        .map(({ target }) => `${file.path} may not import ${target}`)
    })
    expect(wrong).toEqual([])
  })

  test('no files import each other in a cycle, not even for a type', () => {
    expect(cyclesIn(new Map(SOURCES.map((file) => [file.path, importsOf(file)])))).toEqual(CYCLES)
  })

  test('only the dialect knows a driver, and nothing else comes from outside', () => {
    const wrong = SOURCES.flatMap(({ path, text }) =>
      [...text.matchAll(/\b(?:from|import\()\s*'([^.'][^']*)'/g)]
        .map(([, name]) => name!)
        .filter((name) => !name.startsWith('node:'))
        .filter((name) => !(KNOW_DRIVER[name] ?? []).some((where) => path.startsWith(where)))
        .map((name) => `${path} imports ${name}`),
    )
    expect(wrong).toEqual([])
  })
})

/** Folders with rooms, and the files directly in them that rooms may import. */
const HOUSES: readonly (readonly [house: string, shared: readonly string[]])[] = [
  ['src/dialect/postgres/', []],
  ['src/dialect/mysql/', []],
  ['src/serve/', []],
  [
    'src/lock/',
    [
      ...[
        'acquire-options',
        'lock-counters',
        'lock-events',
        'lock-pool-options',
        'rate-limit',
        'state-names',
      ],
      // A campaign uses complete locks.
      'engine',
    ],
  ],
]

describe.each(HOUSES)('rooms of %s', (house, shared) => {
  const rooms = tableRows(section(ARCHITECTURE, `\`${house}\``)).map(([room, , allowed]) => ({
    room: room!.replaceAll('`', ''),
    allowed: allowed === 'nothing' ? [] : allowed!.split(', '),
  }))
  const files = SOURCES.filter(({ path }) => path.startsWith(house))
  const roomOf = (path: string): string => path.slice(house.length).split('/').slice(0, -1).join('/')

  test('the table in ARCHITECTURE.md has every room once, behind those that it may import', () => {
    const found = new Set(files.map(({ path }) => roomOf(path)).filter((room) => room !== ''))
    expect(rooms.map(({ room }) => room).toSorted()).toEqual([...found].toSorted())
    const early = rooms.flatMap(({ room, allowed }, i) =>
      allowed
        .filter((other) => !rooms.slice(0, i).some((row) => row.room === other))
        .map((other) => [room, other]),
    )
    expect(early).toEqual([])
  })

  test('a room imports what the table allows, and nothing that stands in no room', () => {
    const wrong = files.flatMap((file) => {
      const room = roomOf(file.path)
      if (room === '') return []
      const { allowed } = rooms.find((row) => row.room === room)!
      return importsOf(file)
        .filter((target) => target.startsWith(house) && roomOf(target) !== room)
        .filter((target) => !shared.some((name) => target === `${house}${name}.ts`))
        .filter((target) => !allowed.includes(roomOf(target)))
        .map((target) => `${file.path} may not import ${target}`)
    })
    expect(wrong).toEqual([])
  })

  test('every import that the table allows exists', () => {
    const wrong = rooms.flatMap(({ room, allowed }) => {
      const targets = files.filter(({ path }) => roomOf(path) === room).flatMap(importsOf)
      return allowed
        .filter((other) => !targets.some((target) => target.startsWith(`${house}${other}/`)))
        .map((other) => `${room} does not need ${other}`)
    })
    expect(wrong).toEqual([])
  })

  test('the tests of a room stand in a folder of its name', () => {
    const folder = house.replace('src/', 'test/unit/')
    const wrong = filesOf(folder, '.test.ts')
      .map(({ path }) => path)
      // Tests of several rooms are next to the files that combine these rooms.
      .filter((path) => shared.length === 0 || path.slice(folder.length).includes('/'))
      .filter((path) => !rooms.some(({ room }) => path.startsWith(`${folder}${room}/`)))
    expect(wrong).toEqual([])
  })
})

describe('size', () => {
  const MAX_LINES = 350
  const MAX_FUNCTION_LINES = 40
  /** Files that are longer, each with its reason. A file that has become short enough must leave this list. */
  const LONG_FILES: Readonly<Record<string, string>> = {
    'src/base/errors.ts': 'all errors, one below the other',
    'src/dialect/postgres/connection/server-connection.ts':
      'all that is sent on one connection, and in which order',
    'src/lock/key/key-entry.ts': 'every step of one key and every answer to it, in one state machine',
    'src/lock/semaphore/semaphore-entry.ts': 'every step of one semaphore',
    'src/lock/session/session.ts': 'all that is on one wire, and in which order',
    'src/pool/connection-pool.ts': 'the whole life of a borrower; a third of it is documentation',
    'src/testing/fake-server.ts': 'all that a server does, and all that can go wrong with it',
    'test/contract/lock-link.contract.ts': 'one suite for every dialect',
    'test/proofs/embedded.test.ts': 'one file for one topic, on one server',
    'test/proofs/table-traps.test.ts': 'one file for one topic, with members on real rows',
    'test/tidy.test.ts': 'one check below the other',
    'test/unit/lock/acquire.test.ts': 'one topic',
    'test/unit/lock/semaphore/semaphore.test.ts': 'one topic',
    'test/unit/pool/connection-pool.test.ts': 'one topic',
  }

  test(`a file has at most ${MAX_LINES} lines, or a reason`, () => {
    const long = ALL_CODE.filter(({ text }) => text.split('\n').length - 1 > MAX_LINES)
    expect(long.map(({ path }) => path).toSorted()).toEqual(Object.keys(LONG_FILES).toSorted())
  })

  test(`the body of a function has at most ${MAX_FUNCTION_LINES} lines`, () => {
    const long = SOURCES.flatMap(({ path, text }) =>
      bodiesOf(text)
        .filter(({ lines }) => lines > MAX_FUNCTION_LINES)
        .map(({ at, lines }) => `${path}:${at} has ${lines} lines`),
    )
    expect(long).toEqual([])
  })
})

describe('things with one place', () => {
  const CALLS: readonly { readonly pattern: RegExp; readonly only: readonly string[] }[] = [
    { pattern: /\bDate\.now\b/, only: ['src/base/clock.ts'] },
    { pattern: /\bperformance\.now\b/, only: ['src/base/clock.ts'] },
    {
      pattern: /\bsetTimeout\b|\bclearTimeout\b/,
      // The page runs in a browser, where it has no `Clock`.
      only: ['src/base/clock.ts', 'src/dashboard/page/ticker.ts'],
    },
    { pattern: /\bsetInterval\b/, only: [] },
    // The manual clock waits for pending promises without a timer.
    { pattern: /\bsetImmediate\b/, only: ['src/testing/manual-clock.ts'] },
    { pattern: /\bMath\.random\b/, only: ['src/base/random.ts'] },
    { pattern: /\bconsole\b/, only: [] },
    // The command-line program writes to file descriptors, so that it waits if a pipe is full.
    { pattern: /\bprocess\.(?:stdout|stderr)\b/, only: [] },
  ]

  test.each(CALLS)('$pattern is used only in $only', ({ pattern, only }) => {
    const users = SOURCES.filter(({ text }) => pattern.test(codeOf(text))).map(({ path }) => path)
    expect(users).toEqual(only)
  })

  test('SQL stands only in files that end in -sql.ts', () => {
    const SQL =
      /^\s*(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|SET|RESET|LISTEN|UNLISTEN|NOTIFY|LOCK|SHOW)\b/
    const wrong = SOURCES.filter(({ path }) => !path.endsWith('-sql.ts')).flatMap(({ path, text }) =>
      // The code compares these strings with answers of the server. They are not statements.
      stringsOf(text.replaceAll(/=== '[A-Z ]+'/g, ''))
        .filter((literal) => SQL.test(literal))
        .map((literal) => `${path}: ${literal.trim().slice(0, 40)}`),
    )
    expect(wrong).toEqual([])
  })

  test('the tests of a file stand where its folder is', () => {
    const wrong = filesOf('test/unit', '.test.ts').flatMap(({ path }) => {
      const topic = dirname(path).slice('test/unit/'.length)
      // The checker of chaos runs is not part of the library, but it has unit tests.
      const folder = topic === 'chaos' ? topic : `src/${topic}`
      if (!existsSync(join(ROOT, folder))) return [`${path}: there is no ${folder}`]
      const file = posix.basename(path).replace('.test.ts', '.ts')
      const elsewhere = SOURCES.filter((source) => posix.basename(source.path) === file)
      const isRight = elsewhere.length === 0 || elsewhere.some((source) => source.path.startsWith(folder))
      return isRight ? [] : [`${path} has the name of ${elsewhere[0]!.path}`]
    })
    expect(wrong).toEqual([])
  })
})

describe('state machines', () => {
  const MACHINES = {
    SLOT_MOVES,
    SESSION_MOVES,
    KEY_MOVES,
    SEMAPHORE_MOVES,
    LISTENER_MOVES,
    CAMPAIGN_MOVES,
  }

  test.each(Object.entries(MACHINES))('the diagram of %s has its moves and no others', (name, moves) => {
    const heading = ARCHITECTURE.split('\n').find(
      (line) => line.startsWith('#') && line.includes(`\`${name}\``),
    )
    const diagram = blocks(section(ARCHITECTURE, (heading ?? name).replace(/^#+ /, '')), 'mermaid')[0] ?? ''
    const drawn = [...diagram.matchAll(/^ *(\w+) --> (\w+)/gm)].map(([, from, to]) => `${from} -> ${to}`)
    const real = Object.entries<readonly string[]>(moves).flatMap(([from, tos]) =>
      tos.map((to) => `${from} -> ${to}`),
    )
    expect(drawn.toSorted()).toEqual(real.toSorted())
  })

  test('every table of moves between states that others see has a diagram', () => {
    const tables = SOURCES.flatMap(({ text }) => [...text.matchAll(/export const (\w+_MOVES)\b/g)])
    expect(tables.map(([, name]) => name!).toSorted()).toEqual(Object.keys(MACHINES).toSorted())
  })
})

describe('options', () => {
  const REFERENCE = read('docs/reference/options.md')
  const TABLES: readonly (readonly [string, string, Readonly<Record<string, OptionSpec<unknown>>>])[] = [
    ['LockPoolOptions', 'src/lock/lock-pool-options.ts', LOCK_POOL_OPTIONS],
    ['PoolOptions', 'src/pool/pool-options.ts', POOL_OPTIONS],
    ['EmbeddedPostgresOptions', 'src/embedded/embedded-postgres-options.ts', EMBEDDED_POSTGRES_OPTIONS],
    [
      'DashboardOptions',
      'src/dashboard/dashboard-options.ts',
      { ...DASHBOARD_OPTIONS, token: { default: '', problem: (token) => dashboardProblem({ token }) } },
    ],
  ]

  test.each(TABLES)('the comments of %s say the real defaults and limits', (_, path, table) => {
    const text = read(path)
    const wrong = Object.entries(table).flatMap(([name, spec]) => {
      const comment = commentOf(text, name)
      return optionProblems(spec, comment).map((problem) => `${name} ${problem}`)
    })
    expect(wrong).toEqual([])
  })

  test.each(TABLES)('docs/reference/options.md has every option of %s', (name, _, table) => {
    const rows = tableRows(section(REFERENCE, `\`${name}\``))
    const documented = rows.map(([option, fallback, range]) => ({ option, fallback, range }))
    const real = Object.entries(table).map(([option, spec]) => ({
      option: `\`${option}\``,
      fallback: `\`${literal(spec.default)}\``,
      range: rangeOf(spec) ?? expect.any(String),
    }))
    // These options belong to the published LockPool, and have no limits.
    const ofPostgres = [
      '`connection`',
      '`backend`',
      '`engine`',
      '`listenConnection`',
      ...HOOKS.map((hook) => `\`${hook}\``),
    ]
    expect(documented.filter(({ option }) => !ofPostgres.includes(option!))).toEqual(real)
    if (name === 'LockPoolOptions')
      expect(documented.map(({ option }) => option)).toEqual(expect.arrayContaining(ofPostgres))
  })
})

describe('errors and events', () => {
  const ERRORS = tableRows(read('docs/reference/errors.md'))
  const EVENTS = tableRows(read('docs/reference/events.md')).map(([name]) => name!)

  test('every error class is in docs/reference/errors.md, with its code and whether it may be tried again', () => {
    const classes = SOURCES.flatMap(({ text }) => text.split(/^export (?=(?:abstract )?class )/m).slice(1))
      .map((text) => ({
        name: /^class (\w+)/.exec(text)?.[1],
        code: /readonly code = '(\w+)'/.exec(text)?.[1],
        retryable: /readonly retryable = (true|false)/.exec(text)?.[1],
      }))
      .filter(({ code }) => code !== undefined)
    const answers = { true: 'yes', false: 'no', undefined: 'it says' } as const
    const wrong = classes.filter(({ name, code, retryable }) => {
      const answer = answers[(retryable ?? 'undefined') as keyof typeof answers]
      return !ERRORS.some((row) => row[0] === `\`${code}\`` && row[1] === `\`${name}\`` && row[2] === answer)
    })
    expect(classes.length).toBeGreaterThan(10)
    expect(wrong).toEqual([])
  })

  test('every code of an error type is in docs/reference/errors.md, and no other', () => {
    const codes = SOURCES.flatMap(({ text }) => [...text.matchAll(/type \w+ErrorCode =((?:\s*\| '\w+')+)/g)])
      .flatMap(([, union]) => [...union!.matchAll(/'(\w+)'/g)])
      .map(([, code]) => `\`${code}\``)
    expect(ERRORS.map(([code]) => code!).toSorted()).toEqual(codes.toSorted())
  })

  test('every event is in docs/reference/events.md, and no other', () => {
    const events = SOURCES.flatMap(({ text }) => [
      ...text.matchAll(/^export interface \w+Events \{$([\s\S]*?)^\}$/gm),
    ])
      .flatMap(([, body]) => [...body!.matchAll(/^ {2}'?([\w:-]+)'?: \{/gm)])
      .map(([, name]) => `\`${name}\``)
    expect(EVENTS.toSorted()).toEqual(events.toSorted())
  })
})

describe('documents', () => {
  test('a page has one title', () => {
    const wrong = pages().filter(({ prose }) => prose.match(/^# /gm)?.length !== 1)
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  test('links within the repository lead somewhere', () => {
    const wrong = pages().flatMap(({ path, prose }) =>
      [...prose.matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)]
        .map(([, link]) => link!)
        .filter((link) => !resolves(path, link))
        .map((link) => `${path}: ${link}`),
    )
    expect(wrong).toEqual([])
  })

  test('files that a page names in code exist', () => {
    const wrong = pages()
      .filter(({ path }) => path !== 'CHANGELOG.md')
      .flatMap(({ path, prose }) =>
        [...prose.matchAll(/`((?:src|test|bench|docs|examples)\/[\w./-]*)`/g)]
          .map(([, name]) => name!)
          .filter((name) => !existsSync(join(ROOT, name)))
          .map((name) => `${path}: ${name}`),
      )
    expect(wrong).toEqual([])
  })

  test.each(['README.md', 'docs/guides/getting-started.md', 'llms.txt'])(
    'the first example of %s is plain JavaScript, for every supported Node',
    (path) => {
      const [first] = blocks(read(path), 'ts')
      expect(first).not.toMatch(/\busing\b/)
      const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '--check', '-'], {
        input: first!,
        encoding: 'utf8',
      })
      expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    },
  )

  test('every example compiles', { timeout: 120_000 }, () => {
    const { count, complaints } = checkExamples()
    expect(complaints).toBe('')
    expect(count).toBeGreaterThan(5)
  })

  test('the reference agrees with the docstrings, and every export has one', { timeout: 60_000 }, () => {
    const script = join(ROOT, 'scripts/reference.mjs')
    const { stdout, stderr, status } = spawnSync(process.execPath, [script, '--check'], {
      encoding: 'utf8',
    })
    // The compiler that the script uses sometimes writes "context canceled" when it is closed, so stderr is not compared.
    expect({ stdout, status }, stderr).toEqual({ stdout: '', status: 0 })
  })

  test('clean pages and folders have no word that the glossary replaces, and no phrase that is hard to read', () => {
    expect(bannedPhrases()).toEqual([])
  })

  test('the code has no identifier that the glossary replaced', () => {
    expect(replacedIdentifiers()).toEqual([])
  })

  test('titles of tests are plain English', () => {
    expect(bannedTitles()).toEqual([])
  })

  test('public types, the JSON of the dashboard and the documentation have no public name that the glossary replaces', () => {
    const rows = tableRows(section(read('GLOSSARY.md'), 'Replaced words that users see'))
    const names = rows.flatMap(([, replaced]) =>
      [...replaced!.matchAll(/`([\w:]+)`/g)].map(([, name]) => name!),
    )
    const pattern = new RegExp(`(?:['\`]|\\breadonly )(${names.join('|')})(?:['\`]|\\??:)`)
    const wrong = [...filesOf('src/dashboard', '.ts'), ...filesOf('docs', '.md')].flatMap(({ path, text }) =>
      text
        .split('\n')
        .map((line) => pattern.exec(line)?.[1])
        .filter((found) => found !== undefined)
        .map((found) => `${path}: ${found}`),
    )
    expect(names.length).toBeGreaterThan(8)
    expect(wrong).toEqual([])
  })

  test('nothing names a path of one machine', () => {
    const files = [...ALL_CODE, ...pages(), ...filesOf('.', '.json'), ...filesOf('.', '.yml')]
    const named = files.filter(({ text }) => /(?<![\w.])\/(?:home|root|Users)\/\w/.test(text))
    expect(named.map(({ path }) => path)).toEqual([])
  })
})

/** The layers that a cell of the table allows. */
function listOf(cell: string, names: readonly string[]): readonly string[] {
  if (cell === 'nothing') return []
  return cell === 'everything' ? names : cell.split(',').map((name) => name.trim())
}

/** The layer with the longest name that contains the file. The root contains only the files directly in it. */
function layerOf(path: string, names: readonly string[]): string | null {
  const folder = posix.dirname(path.slice('src/'.length))
  if (folder === '.') return ''
  const fitting = names.filter((name) => name !== '' && `${folder}/`.startsWith(`${name}/`))
  return fitting.toSorted((a, b) => b.length - a.length)[0] ?? null
}

/** Finds bodies by the layout of prettier: a body ends at the first line with the same indentation that begins with `}`. */
function bodiesOf(text: string): { readonly at: number; readonly lines: number }[] {
  const lines = text.split('\n')
  return lines.flatMap((line, at) => {
    const opensBody = /(?:\)(?:: .*)?|=>) \{$/.test(line)
    if (!opensBody || /^\s*(?:\} )?(?:if|for|while|switch|catch|else)\b/.test(line)) return []
    const indentation = /^\s*/.exec(line)![0]
    const end = lines.findIndex((other, i) => i > at && other.startsWith(`${indentation}}`))
    return [{ at: at + 1, lines: end - at - 1 }]
  })
}

/** The documentation of one option, as one line. */
function commentOf(text: string, option: string): string {
  const comment = new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\s+readonly ${option}\\?`).exec(text)
  return (comment?.[1] ?? '').replaceAll(/\s*\n\s*\* ?/g, ' ').trim()
}

function optionProblems(spec: OptionSpec<unknown>, comment: string): string[] {
  const problems: string[] = []
  const fallback = /Default (`[^`]*`|\w+)/.exec(comment)?.[1]?.replaceAll('`', '')
  if (fallback !== literal(spec.default)) problems.push(`says "Default ${fallback}"`)
  if (spec.min !== undefined) {
    const [, min, max] = /From (\d+)[^.]*? to (\d+)/.exec(comment) ?? []
    if (Number(min) !== spec.min || Number(max) !== spec.max) problems.push(`says "From ${min} to ${max}"`)
    const mayBeInfinite = spec.problem(Infinity) === null
    if (comment.includes('Infinity') !== mayBeInfinite) problems.push('is wrong about Infinity')
  }
  const [, shortest = '1', length] = /(?:At most|From (\d+) to) (\d+) characters/.exec(comment) ?? []
  const isRight = isLongest(spec, Number(length)) && isShortest(spec, Number(shortest))
  if (length !== undefined && !isRight) problems.push(`says ${shortest} to ${length} characters`)
  if (typeof spec.default === 'string' && length === undefined && spec.problem('x') === null)
    problems.push('does not say how long it may be')
  return problems
}

function isLongest(spec: OptionSpec<unknown>, length: number): boolean {
  return spec.problem('x'.repeat(length)) === null && spec.problem('x'.repeat(length + 1)) !== null
}

/** The problem of options that are checked when they are resolved, because they depend on each other. */
function dashboardProblem(options: object): string | null {
  try {
    resolveDashboardOptions(options)
    return null
  } catch (error) {
    return String(error)
  }
}

/** Whether a text of this length is accepted and a shorter one is refused. The empty text is not tried. */
function isShortest(spec: OptionSpec<unknown>, length: number): boolean {
  const isOneLessWrong = length === 1 || spec.problem('x'.repeat(length - 1)) !== null
  return isOneLessWrong && spec.problem('x'.repeat(length)) === null
}

/** A default as comments and tables write it. */
function literal(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  if (value === Infinity) return 'Infinity'
  return typeof value === 'object' ? 'none' : JSON.stringify(value)
}

/** A range as the reference writes it, or null if the option has no range of numbers. */
function rangeOf(spec: OptionSpec<unknown>): string | null {
  if (spec.min === undefined) return null
  const range = `${spec.min} to ${spec.max}`
  if (spec.problem(Infinity) === null) return `${range}, or \`Infinity\``
  return typeof spec.default === 'number' ? range : `${range}, or \`${literal(spec.default)}\``
}

function resolves(from: string, link: string): boolean {
  const [path, anchor] = link.split('#') as [string, string?]
  const target = path === '' ? from : posix.join(posix.dirname(from), path)
  if (!existsSync(join(ROOT, target))) return false
  if (anchor === undefined) return true
  return statSync(join(ROOT, target)).isFile() && anchorsOf(read(target)).includes(anchor)
}

/** The anchors that GitHub makes from headings. A repeated heading gets a number. */
function anchorsOf(text: string): string[] {
  const taken = new Map<string, number>()
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => {
    const anchor = heading!
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-')
    const before = taken.get(anchor) ?? 0
    taken.set(anchor, before + 1)
    return before === 0 ? anchor : `${anchor}-${before}`
  })
}
