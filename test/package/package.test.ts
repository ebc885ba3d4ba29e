import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

let consumer = ''
let published: readonly string[] = []

/** What npm would publish, in the `node_modules` of somebody who has installed it, beside the one dependency it has. */
beforeAll(() => {
  consumer = mkdtempSync(join(tmpdir(), 'lockpool-consumer-'))
  // The global setup has built it, and building it again would pull it from under the other tests.
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', consumer]
  const [packed] = JSON.parse(
    execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', timeout: 120_000 }),
  ) as [{ filename: string; files: { path: string }[] }]
  published = packed.files.map(({ path }) => path)
  const modules = join(consumer, 'node_modules')
  mkdirSync(join(modules, 'lockpool'), { recursive: true })
  const tarball = join(consumer, packed.filename)
  execFileSync('tar', ['-xzf', tarball, '-C', join(modules, 'lockpool'), '--strip-components=1'])
  symlinkSync(join(ROOT, 'node_modules/pg'), join(modules, 'pg'))
  writeFileSync(join(consumer, 'package.json'), '{"type":"module"}')
}, 60_000)

afterAll(() => rmSync(consumer, { recursive: true, force: true }))

function node(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, args, { cwd: consumer, encoding: 'utf8', timeout: 20_000 })
}

test('every entry point can be imported by who has installed it', () => {
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

test('the program runs, and knows its version', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    version: string
    bin: { lockpool: string }
  }
  const program = join(consumer, 'node_modules/lockpool', manifest.bin.lockpool)

  expect(node(program, '--version')).toMatchObject({ status: 0, stdout: `${manifest.version}\n`, stderr: '' })
  expect(node(program, 'run', '--help')).toMatchObject({ status: 0, stderr: '' })
  expect(readFileSync(program, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
})

test('the library pulls in pg, and no server', () => {
  const reached = reach(join(consumer, 'node_modules/lockpool/dist/index.js'))

  expect([...reached.packages]).toEqual(['pg'])
  expect([...reached.files].filter((path) => /\/(embedded|cli|testing)\//.test(path))).toEqual([])
  expect(reached.files.size).toBeGreaterThan(20)
  expect([...reach(join(consumer, 'node_modules/lockpool/dist/pool/index.js')).packages]).toEqual([])
})

test('what can be bundled looks for nothing beside itself', () => {
  for (const entry of ['index', 'pool/index', 'testing', 'telemetry/index', 'dashboard']) {
    const { files } = reach(join(consumer, `node_modules/lockpool/dist/${entry}.js`))
    const looking = [...files].filter((file) =>
      /\bimport\.meta\b|\b__dirname\b|\breadFileSync\b/.test(readFileSync(file, 'utf8')),
    )
    expect(looking).toEqual([])
  }
})

/** What somebody's server may look like, asked for all of the page. */
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

test('what is published is the library, its types, sources and documents, and nothing of the tests', () => {
  expect(published).toContain('LICENSE')
  expect(published).toContain('dist/index.d.ts')
  expect(published).toContain('src/index.ts')
  expect(published).toContain('dist/dashboard/page-modules.js')
  const strange = published.filter(
    (path) =>
      !/^(dist|src)\/|^docs\/.*\.md$|^(LICENSE|README\.md|CHANGELOG\.md|llms\.txt|package\.json)$/.test(path),
  )
  expect(strange).toEqual([])
})

const IMPORT = /^(?:import|export)\b(?:[\w\s{},*$]*\bfrom)?\s*'([^']+)'|\bimport\('([^']+)'\)/gm

/** All that importing `entry` loads, also what is imported only on demand. */
function reach(entry: string): { files: Set<string>; packages: Set<string> } {
  const files = new Set([entry])
  const packages = new Set<string>()
  for (const file of files) {
    for (const [, fixed, onDemand] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      const from = fixed ?? onDemand!
      if (from.startsWith('.')) files.add(join(dirname(file), from))
      else if (!from.startsWith('node:')) packages.add(from)
    }
  }
  return { files, packages }
}
