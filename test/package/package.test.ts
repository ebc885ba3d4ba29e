import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

let consumer = ''
let published: readonly string[] = []
let weight = 0

/** The limit includes all types and pages. */
const MAX_UNPACKED_BYTES = 1_155_072

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly version: string
  readonly bin: { readonly lockpool: string }
  readonly dependencies: Readonly<Record<string, string>>
}

/** Installs the published package in the `node_modules` of a user, with only its dependencies. */
beforeAll(() => {
  consumer = mkdtempSync(join(tmpdir(), 'lockpool-consumer-'))
  // The global setup has built dist. To build it again would remove files that other tests use.
  const folder = join(consumer, 'package')
  execFileSync(process.execPath, [join(ROOT, 'scripts/package.mjs'), folder], { timeout: 120_000 })
  const args = ['pack', folder, '--json', '--pack-destination', consumer]
  const [packed] = JSON.parse(
    execFileSync('npm', args, { cwd: consumer, encoding: 'utf8', timeout: 120_000 }),
  ) as [{ filename: string; unpackedSize: number; files: { path: string }[] }]
  published = packed.files.map(({ path }) => path)
  weight = packed.unpackedSize
  const modules = join(consumer, 'node_modules')
  mkdirSync(join(modules, 'lockpool'), { recursive: true })
  const tarball = join(consumer, packed.filename)
  execFileSync('tar', ['-xzf', tarball, '-C', join(modules, 'lockpool'), '--strip-components=1'])
  mkdirSync(join(modules, '@types'))
  for (const dependency of Object.keys(manifest.dependencies))
    symlinkSync(join(ROOT, 'node_modules', dependency), join(modules, dependency))
  writeFileSync(join(consumer, 'package.json'), '{"type":"module"}')
}, 60_000)

afterAll(() => rmSync(consumer, { recursive: true, force: true }))

function node(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, args, { cwd: consumer, encoding: 'utf8', timeout: 20_000 })
}

test('a program that installed the package can import every entry point', () => {
  const it = node(
    '--input-type=module',
    '-e',
    `import { LockPool, LockError } from 'lockpool'
     import { ConnectionPool } from 'lockpool/pool'
     import * as testing from 'lockpool/testing'
     import { startEmbeddedPostgres } from 'lockpool/embedded'
     import { dashboardHandler } from 'lockpool/dashboard'
     import manifest from 'lockpool/package.json' with { type: 'json' }
     const locks = new LockPool({ connection: 'postgres://127.0.0.1:1/x' })
     const error = await locks.acquire('orders').catch((error) => error)
     await locks.close()
     const kinds = [ConnectionPool, startEmbeddedPostgres, dashboardHandler].map((each) => typeof each)
     console.log(JSON.stringify([error instanceof LockError, error.code, kinds, Object.keys(testing).length > 0, manifest.name]))`,
  )

  expect(it.stderr.replaceAll(/.*ExperimentalWarning.*\n.*trace-warnings.*\n/g, '')).toBe('')
  expect(JSON.parse(it.stdout)).toEqual([
    true,
    'CONNECTION_FAILED',
    ['function', 'function', 'function'],
    true,
    'lockpool',
  ])
})

test('locks in MySQL name the missing driver if it is not installed', () => {
  const it = node(
    '--input-type=module',
    '-e',
    `import { LockPool, LockError } from 'lockpool/mysql'
     const locks = new LockPool({ connection: 'mysql://127.0.0.1:1/x' })
     const error = await locks.acquire('orders').catch((error) => error)
     await locks.close()
     console.log(JSON.stringify([error instanceof LockError, error.code, error.retryable, error.message]))`,
  )

  expect(it.stderr).toBe('')
  expect(JSON.parse(it.stdout)).toEqual([
    true,
    'CONNECTION_FAILED',
    false,
    'lockpool/mysql connects with the package mysql2, which is not installed: npm install mysql2',
  ])
})

test('the program runs, and knows its version', () => {
  const program = join(consumer, 'node_modules/lockpool', manifest.bin.lockpool)

  expect(node(program, '--version')).toMatchObject({ status: 0, stdout: `${manifest.version}\n`, stderr: '' })
  expect(node(program, 'run', '--help')).toMatchObject({ status: 0, stderr: '' })
  expect(readFileSync(program, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
})

test('the library pulls in pg, and no server', () => {
  const built = reach(join(ROOT, 'dist/index.js'))
  expect([...built.files].filter((path) => /\/(embedded|cli|testing)\//.test(path))).toEqual([])
  expect(built.files.size).toBeGreaterThan(20)

  const reached = reach(join(consumer, 'node_modules/lockpool/dist/index.js'))
  expect([...reached.packages]).toEqual(['pg'])
  expect(reached.files.size).toBeGreaterThan(3)
  expect([...reach(join(consumer, 'node_modules/lockpool/dist/pool/index.js')).packages]).toEqual([])
})

test('bundled modules read no files next to themselves', () => {
  for (const entry of ['index', 'pool/index', 'testing', 'telemetry/index', 'dashboard']) {
    const { files } = reach(join(consumer, `node_modules/lockpool/dist/${entry}.js`))
    const looking = [...files].filter((file) =>
      /\bimport\.meta\b|\b__dirname\b|\breadFileSync\b/.test(readFileSync(file, 'utf8')),
    )
    expect(looking).toEqual([])
  }
})

/** A user's program that loads the page and all its resources. */
const APP = `
  import { LockPool } from 'lockpool'
  import { dashboardHandler } from 'lockpool/dashboard'
  const locks = new LockPool({ connection: 'postgres://127.0.0.1:1/x' })
  const handle = dashboardHandler(locks, { onError: () => undefined })
  const get = (path) => handle(new Request('http://localhost/' + path))
  const main = async () => {
    const page = await (await get('')).text()
    const paths = [...page.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, path]) => path)
    const parts = await Promise.all(paths.map(async (path) => {
      const response = await get(path)
      return [path, response.status, (await response.text()).length > 50]
    }))
    const state = await (await get('api/state')).json()
    handle.close()
    await locks.close()
    console.log(JSON.stringify({ parts, version: state.version, blind: state.server === null }))
  }
  main()`

test.each(['esm', 'cjs'] as const)('a bundle (%s) has the whole page in it', async (format) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockpool-bundle-'))
  try {
    const outfile = join(folder, format === 'esm' ? 'app.mjs' : 'app.cjs')
    const bundler = fileURLToPath(new URL('bundle.mjs', import.meta.url))
    const bundled = spawnSync(process.execPath, [bundler, consumer, format, outfile], {
      ...{ input: APP, encoding: 'utf8', timeout: 60_000 },
    })
    expect({ status: bundled.status, stderr: bundled.stderr }).toEqual({ status: 0, stderr: '' })
    const { status, stdout, stderr } = spawnSync(process.execPath, [outfile], {
      ...{ cwd: folder, encoding: 'utf8', timeout: 20_000 },
    })

    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const { parts, version, blind } = JSON.parse(stdout) as {
      parts: [path: string, status: number, isFull: boolean][]
      version: number
      blind: boolean
    }
    expect(parts.map(([path]) => path)).toContain('page/main.js')
    expect(parts.length).toBeGreaterThan(15)
    expect(parts.filter(([, code, isFull]) => code !== 200 || !isFull)).toEqual([])
    expect({ version, blind }).toEqual({ version: 1, blind: true })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('the package contains the program, its types and its documents, and no tests', () => {
  for (const path of ['LICENSE', 'README.md', 'SECURITY.md', 'llms.txt', 'dist/index.js', 'dist/index.d.ts'])
    expect(published).toContain(path)
  const strange = published.filter((path) => !PUBLISHED.some((pattern) => pattern.test(path)))
  expect(strange).toEqual([])
})

const PUBLISHED = [/^dist\/.*\.(js|d\.ts)$/, /^[A-Z]+(\.md)?$/, /^(llms\.txt|package\.json)$/]

test('the package is small, and its types are those of the entry points alone', () => {
  expect(weight).toBeLessThan(MAX_UNPACKED_BYTES)
  const internal = /^dist\/(?:lock\/session\/session|lock\/engine|dialect\/dialect|serve\/.*|cli\/.*)\.d\.ts$/
  expect(published.filter((path) => internal.test(path))).toEqual([])
})

test('every link and picture of a published page leads to something published', () => {
  const dead = published
    .filter((path) => /\.(md|txt)$/.test(path))
    .flatMap((path) => {
      const text = readFileSync(join(consumer, 'node_modules/lockpool', path), 'utf8').replaceAll(FENCED, '')
      return [...text.matchAll(LINK)]
        .map(([, link, picture]) => (link ?? picture)!.replace(/#.*/, ''))
        .filter((target) => target !== '' && !/^[a-z]+:/.test(target))
        .map((target) => posix.join(posix.dirname(path), target))
        .filter((target) => !published.some((each) => each === target || each.startsWith(`${target}/`)))
        .map((target) => `${path}: ${target}`)
    })
  expect(dead).toEqual([])
})

const FENCED = /^```[\s\S]*?^```$/gm
const LINK = /\]\(([^)\s]+)\)|\b(?:src|srcset)="([^"]+)"/g

/** A program that must compile in a strict project. It marks each line that must not compile. */
const STRICT_PROGRAM = `
import { LockPool, LockTimeoutError, hashName, type Lock } from 'lockpool'
import { ConnectionPool } from 'lockpool/pool'
import { FakeLockPool } from 'lockpool/testing'
import { startEmbeddedPostgres } from 'lockpool/embedded'
import { dashboardHandler } from 'lockpool/dashboard'
import * as telemetry from 'lockpool/telemetry'
import type { PoolCounts, SessionSnapshot } from 'lockpool/advanced'

const locks = new LockPool({ connection: { host: 'db', port: 5432 }, max: 3 })

export async function program(): Promise<bigint> {
  const lock: Lock = await locks.acquire('invoice', { timeoutMs: 5 })
  const { rows } = await locks.connections.query<{ id: number }>('SELECT 1 AS id')
  const id: number = rows[0]!.id
  await locks.withLock('key', async (held) => held.token)
  await lock.release()
  return lock.token + BigInt(id)
}

// @ts-expect-error not a connection
new LockPool({ connection: 5 })
// @ts-expect-error the port must be a number
new LockPool({ connection: { port: true } })
export const sessions: readonly SessionSnapshot[] = locks.snapshot().sessions
export const counts: PoolCounts = locks.snapshot().connections
export const internal = (lock: Lock): void => {
  // @ts-expect-error an internal member
  lock.lose('x')
  // @ts-expect-error an internal member
  lock.confirmReleased()
  // @ts-expect-error an internal member
  lock.place = 1
}
export { ConnectionPool, FakeLockPool, LockTimeoutError, dashboardHandler, hashName, startEmbeddedPostgres, telemetry }
`

test.each([
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
])(
  'a strict project compiles against it, its types included: %s, %s',
  { timeout: 120_000 },
  (module, resolution) => {
    writeFileSync(join(consumer, 'program.ts'), STRICT_PROGRAM)
    const options = ['--strict', '--noEmit', '--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes']
    const target = ['--target', 'es2022', '--lib', 'es2022', '--skipLibCheck', 'false']
    const how = ['--module', module, '--moduleResolution', resolution]
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
    const { stdout, status } = spawnSync(
      process.execPath,
      [compiler, ...options, ...target, ...how, 'program.ts'],
      {
        cwd: consumer,
        encoding: 'utf8',
        timeout: 100_000,
      },
    )
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 })
  },
)

/** Matches imports as `tsc` writes them. */
const IMPORT = /^(?:import|export)\b(?:[\w\s{},*$]*\bfrom)?\s*'([^']+)'|\bimport\('([^']+)'\)/gm

/**
 * A minified module has all its static imports at the start. After those, only dynamic imports count, because texts
 * follow that look like imports.
 */
const MINIFIED_IMPORT = /\bfrom"([^"]+)"|(?:^|;)import"([^"]+)"/gm
const ON_DEMAND = /\bimport\("([^"]+)"\)/g

function importsOf(text: string): readonly string[] {
  const [head] = /^(?:#!.*\n)?(?:import[^;\n]*;)*/.exec(text)!
  const isMinified = /\bfrom"/.test(head)
  const found = isMinified
    ? [...head.matchAll(MINIFIED_IMPORT), ...text.matchAll(ON_DEMAND)]
    : [...text.matchAll(IMPORT)]
  return found.map(([, fixed, onDemand]) => fixed ?? onDemand!)
}

/** Everything that importing `entry` loads, including dynamic imports. */
function reach(entry: string): { files: Set<string>; packages: Set<string> } {
  const files = new Set([entry])
  const packages = new Set<string>()
  for (const file of files) {
    for (const from of importsOf(readFileSync(file, 'utf8'))) {
      if (from.startsWith('.')) files.add(join(dirname(file), from))
      else if (!from.startsWith('node:')) packages.add(from)
    }
  }
  return { files, packages }
}
