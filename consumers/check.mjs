/**
 * Installs the packed package in projects like those of its users, and builds and runs each: npm run check:consumers
 *
 * TypeScript 5 in strict mode without `skipLibCheck`, with each way to resolve modules; esbuild; webpack; a Next.js app with
 * the dashboard mounted; Jest; Bun; Deno. No database is needed: each program connects to a port where no server listens, and
 * must get the package's own error. The heavy dependencies are in the package.json of this folder.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const HERE = dirname(fileURLToPath(import.meta.url))
const ROOT = dirname(HERE)
const MINUTES = 60_000

const folder = mkdtempSync(join(tmpdir(), 'lockpool-consumers-'))
const bin = (name) => join(folder, 'node_modules/.bin', name)

function run(command, args, cwd = folder) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    // The installation takes two minutes on an idle machine.
    timeout: 20 * MINUTES,
    env: { ...process.env, NO_COLOR: '1', NEXT_TELEMETRY_DISABLED: '1', CI: '1' },
  })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}${error ?? ''}`)
  return stdout
}

function write(path, text) {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

/** Prints the code of the error that a pool gets without a server. */
const BODY = `
async function main() {
  const locks = new LockPool({ connection: 'postgres://127.0.0.1:1/none', min: 0 })
  const error = await locks.acquire('orders').catch((refused) => refused)
  await locks.close()
  if (!(error instanceof LockError)) throw error
  console.log(error.code)
}
main()
`
const ESM = `import { LockPool, LockError } from 'lockpool'${BODY}`
const CJS = `const { LockPool, LockError } = require('lockpool')${BODY}`

function expectCode(stdout) {
  if (stdout.trim() !== 'CONNECTION_FAILED') throw new Error(`CONNECTION_FAILED was expected, got ${stdout}`)
}

const TYPED = `
import { LockPool, LockTimeoutError, type Lock, type LockPoolOptions } from 'lockpool'
import type { SessionSnapshot } from 'lockpool/advanced'
import { ConnectionPool } from 'lockpool/pool'
import { FakeLockPool } from 'lockpool/testing'
import { startEmbeddedPostgres } from 'lockpool/embedded'
import { dashboardHandler } from 'lockpool/dashboard'
import { PrometheusMetrics } from 'lockpool/telemetry'

const options: LockPoolOptions = { connection: 'postgres://127.0.0.1:1/none', min: 0 }
export const locks = new LockPool(options)
export async function token(): Promise<bigint> {
  const lock: Lock = await locks.acquire('orders', { timeoutMs: 5 })
  await lock.release()
  return lock.token
}
export const sessions: readonly SessionSnapshot[] = locks.snapshot().sessions
export { ConnectionPool, FakeLockPool, LockTimeoutError, PrometheusMetrics, dashboardHandler, startEmbeddedPostgres }
`

function checkTypes(name, module, resolution, type) {
  const { text } = type === 'commonjs' ? { text: typedForCommonJs() } : { text: TYPED }
  write(`${name}/package.json`, JSON.stringify({ type }))
  write(`${name}/program.ts`, text)
  write(
    `${name}/tsconfig.json`,
    JSON.stringify({
      compilerOptions: {
        ...{ module, moduleResolution: resolution, target: 'es2022', lib: ['es2023', 'esnext.disposable'] },
        ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
        ...{ skipLibCheck: false, declaration: true, outDir: 'out', types: ['node'] },
      },
      include: ['program.ts'],
    }),
  )
  run(bin('tsc'), ['-p', name])
}

/**
 * The package has only ES modules: under node16, a CommonJS file may import its types statically, and its values dynamically.
 */
function typedForCommonJs() {
  return `
import type { Lock, LockPoolOptions } from 'lockpool' with { 'resolution-mode': 'import' }
const options: LockPoolOptions = { connection: 'postgres://127.0.0.1:1/none', min: 0 }
export async function token(): Promise<bigint> {
  const { LockPool } = await import('lockpool')
  const lock: Lock = await new LockPool(options).acquire('orders')
  return lock.token
}
`
}

async function checkNext() {
  cpSync(join(HERE, 'next-app'), join(folder, 'next-app'), { recursive: true })
  const app = join(folder, 'next-app')
  run(bin('next'), ['build'], app)
  const server = spawn(bin('next'), ['start', '--port', '0'], {
    cwd: app,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const url = await addressOf(server)
    const page = await fetch(`${url}/locks/`)
    const text = await page.text()
    if (page.status !== 200 || !text.includes('<!doctype html>')) throw new Error(`${page.status} ${text}`)
  } finally {
    server.kill('SIGTERM')
  }
}

async function addressOf(server) {
  let said = ''
  server.stdout.setEncoding('utf8').on('data', (text) => (said += text))
  for (let tries = 0; tries < 600; tries++) {
    const [url] = /http:\/\/localhost:\d+/.exec(said) ?? []
    if (url !== undefined) return url
    await sleep(100)
  }
  throw new Error(`Next.js did not start: ${said}`)
}

function checkJest() {
  write(
    'jest/package.json',
    JSON.stringify({ type: 'module', jest: { transform: {}, testEnvironment: 'node' } }),
  )
  write(
    'jest/lock.test.js',
    `import { FakeLockPool } from 'lockpool/testing'
     test('a lock', async () => {
       const locks = new FakeLockPool()
       const lock = await locks.acquire('orders')
       expect(lock.state).toBe('held')
       await lock.release()
       await locks.close()
     })`,
  )
  run(
    process.execPath,
    ['--experimental-vm-modules', join(folder, 'node_modules/jest/bin/jest.js')],
    join(folder, 'jest'),
  )
}

function checkWebpack() {
  const config = (name, type) => `export default {
    mode: 'production', target: 'node20', entry: '../program.mjs',
    output: { path: import.meta.dirname, filename: '${name}', ${type === 'module' ? "module: true, library: { type: 'module' }," : ''} },
    experiments: { outputModule: ${type === 'module'} },
    ignoreWarnings: [/pg-native|pg-cloudflare/], resolve: { alias: { 'pg-native': false } },
  }`
  for (const [name, type] of [
    ['out.cjs', 'commonjs'],
    ['out.mjs', 'module'],
  ]) {
    write('webpack/webpack.config.mjs', config(name, type))
    run(process.execPath, [join(HERE, 'webpack.mjs'), folder], join(folder, 'webpack'))
    expectCode(run(process.execPath, [join(folder, 'webpack', name)]))
  }
}

function checkEsbuild() {
  const banner =
    "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
  const bundle = (format, file, ...more) => {
    const args = ['program.mjs', '--bundle', '--platform=node', '--external:pg-native', `--format=${format}`]
    const output = `--outfile=bundles/${file}`
    run(process.execPath, [join(folder, 'node_modules/esbuild/bin/esbuild'), ...args, output, ...more])
    expectCode(run(process.execPath, [join(folder, 'bundles', file)]))
  }
  bundle('esm', 'out.mjs', banner)
  bundle('cjs', 'out.cjs')
}

function runtime(path, ...args) {
  const program = join(folder, 'node_modules', path)
  if (!existsSync(program)) return 'not for this machine'
  expectCode(run(program, args))
  return undefined
}

const CHECKS = {
  'TypeScript, nodenext': () => checkTypes('nodenext', 'nodenext', 'nodenext', 'module'),
  'TypeScript, node16 CommonJS': () => checkTypes('node16', 'node16', 'node16', 'commonjs'),
  'TypeScript, bundler': () => checkTypes('bundler', 'esnext', 'bundler', 'module'),
  'Node.js, import': () => expectCode(run(process.execPath, ['program.mjs'])),
  'Node.js, require': () => expectCode(run(process.execPath, ['--no-warnings', 'program.cjs'])),
  'esbuild, ESM and CommonJS': checkEsbuild,
  'webpack, ESM and CommonJS': checkWebpack,
  'Next.js with the dashboard': checkNext,
  Jest: checkJest,
  Bun: () => runtime('@oven/bun-linux-x64/bin/bun', 'run', 'program.mjs'),
  Deno: () => runtime('@deno/linux-x64-glibc/deno', 'run', '--allow-all', 'program.mjs'),
}

let failed = 0
try {
  execFileSync('npm', ['run', '--silent', 'package'], { cwd: ROOT, stdio: 'inherit' })
  const pack = ['pack', join(ROOT, '.build/package'), '--json', '--pack-destination', folder]
  const [packed] = JSON.parse(execFileSync('npm', pack, { cwd: ROOT, encoding: 'utf8' }))
  process.stdout.write(
    `packed: ${statSync(join(folder, packed.filename)).size} bytes, ${packed.unpackedSize} unpacked\n`,
  )
  cpSync(join(HERE, 'package.json'), join(folder, 'package.json'))
  // No install scripts: the programs of esbuild and Bun are in separate packages.
  run('npm', [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    `./${packed.filename}`,
  ])
  write('program.mjs', ESM)
  write('program.cjs', CJS)
  const chosen = process.argv.slice(2)
  for (const [name, check] of Object.entries(CHECKS)) {
    if (chosen.length > 0 && !chosen.some((word) => name.toLowerCase().includes(word.toLowerCase()))) continue
    try {
      process.stdout.write(`${name}: ${(await check()) ?? 'ok'}\n`)
    } catch (error) {
      failed++
      process.stdout.write(`${name}: FAILED\n${error.message}\n`)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = failed > 0 ? 1 : 0
