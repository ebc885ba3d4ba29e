import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise'
import { findFreePort as freePort } from '../../src/embedded/free-port.js'
import { endWithParent } from './end-with-parent.js'

const ENV: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`,
}

/** The reason why tests cannot use MariaDB, or null if they can. */
export const noMariaDb: string | null = ((): string | null => {
  const folders = (ENV['PATH'] ?? '').split(delimiter)
  const isThere = (program: string): boolean => folders.some((folder) => existsSync(join(folder, program)))
  const missing = ['mariadbd', 'mariadb-install-db'].find((program) => !isThere(program))
  return missing === undefined ? null : `${missing} is not installed: apt-get install mariadb-server`
})()

const START_TIMEOUT_MS = 60_000
const AS_ROOT = process.getuid?.() === 0 ? ['--user=root'] : []

/** A MariaDB for one test, on a free port, with its data in a temporary folder. */
export class OwnMariaDb implements AsyncDisposable {
  readonly port: number
  readonly #folder: string
  readonly #settings: readonly string[]
  #process: ChildProcess | null = null
  #admin: Connection | null = null
  #databases = 0

  private constructor(folder: string, port: number, settings: readonly string[]) {
    this.#folder = folder
    this.port = port
    this.#settings = settings
  }

  /** `settings` are options of mariadbd, such as `max-connections=20`. */
  static async start(...settings: string[]): Promise<OwnMariaDb> {
    const folder = await mkdtemp(join(tmpdir(), 'lockpool-mariadb-'))
    const server = new OwnMariaDb(folder, await freePort(), settings)
    const install = ['--no-defaults', ...AS_ROOT, `--datadir=${join(folder, 'data')}`, '--skip-test-db']
    // A server that starts removes all temporary tables in its folder for them. In a shared folder those of other
    // servers would be lost.
    const options = ['--auth-root-authentication-method=normal', '--skip-name-resolve', `--tmpdir=${folder}`]
    await promisify(execFile)('mariadb-install-db', [...install, ...options], { env: ENV })
    const grant = `CREATE USER IF NOT EXISTS lockpool@'%' IDENTIFIED BY 'secret'; GRANT ALL ON *.* TO lockpool@'%' WITH GRANT OPTION;`
    await writeFile(join(folder, 'init.sql'), grant.replaceAll('; ', ';\n'))
    await server.boot()
    return server
  }

  /** The URL of a superuser, without a database. */
  get url(): string {
    return `mysql://lockpool:secret@127.0.0.1:${this.port}`
  }

  get pid(): number {
    return this.#process!.pid!
  }

  /** The URL of a new database. */
  async createDatabase(): Promise<string> {
    const name = `lockpool_test_${++this.#databases}`
    await this.query(`CREATE DATABASE ${name}`)
    return `${this.url}/${name}`
  }

  async query<Row = Record<string, unknown>>(sql: string, values: unknown[] = []): Promise<Row[]> {
    this.#admin ??= await createConnection(this.url)
    const [rows] = await this.#admin.query<RowDataPacket[]>(sql, values)
    return rows as Row[]
  }

  /** The named locks that sessions hold, without the names by which a move of a namespace finds lock sessions. */
  async namedLocks(): Promise<{ id: number; name: string }[]> {
    return this.query(
      `SELECT THREAD_ID AS id, TABLE_SCHEMA AS name FROM information_schema.METADATA_LOCK_INFO WHERE LOCK_TYPE = 'User lock' AND TABLE_SCHEMA NOT LIKE 'lpuse/%'`,
    )
  }

  async kill(connectionId: number): Promise<void> {
    await this.query(`KILL ${connectionId}`)
  }

  /** Starts the server, also after it was halted. */
  async boot(): Promise<void> {
    const data = join(this.#folder, 'data')
    const where = [`--datadir=${data}`, `--port=${this.port}`, `--socket=${join(this.#folder, 'socket')}`]
    const small = ['--innodb-buffer-pool-size=16M', '--innodb-log-file-size=8M', '--skip-log-bin']
    const rest = [
      '--bind-address=127.0.0.1',
      '--skip-name-resolve',
      `--pid-file=${join(this.#folder, 'pid')}`,
      `--tmpdir=${this.#folder}`,
    ]
    const plugin = ['--plugin-load-add=metadata_lock_info', `--init-file=${join(this.#folder, 'init.sql')}`]
    const settings = this.#settings.map((setting) => `--${setting}`)
    const all = ['--no-defaults', ...AS_ROOT, ...where, ...small, ...rest, ...plugin, ...settings]
    const child = spawn('mariadbd', all, { env: ENV, stdio: 'ignore' })
    this.#process = child
    endWithParent(child, this.#folder)
    const since = performance.now()
    for (;;) {
      if (child.exitCode !== null) throw new Error(`mariadbd ended with ${child.exitCode}`)
      try {
        await (await createConnection(this.url)).end()
        return
      } catch (error) {
        if (performance.now() - since > START_TIMEOUT_MS) throw error
        await pause(50)
      }
    }
  }

  /** Ends the server: with SIGTERM in order, with SIGKILL like a crash. */
  async halt(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.#admin?.destroy()
    this.#admin = null
    const child = this.#process
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.halt('SIGKILL')
    await rm(this.#folder, { recursive: true, force: true })
  }
}
