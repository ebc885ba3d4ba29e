import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { findFreePort as freePort } from '../../src/embedded/free-port.js'
import { endWithParent } from './end-with-parent.js'
import { noMariaDb } from './own-mariadb.js'

const PROVIDER = ['/usr/lib/galera/libgalera_smm.so', '/usr/lib64/galera-4/libgalera_smm.so'].find(existsSync)

/** The reason why tests cannot use Galera, or null if they can. */
export const noGalera: string | null = ((): string | null => {
  if (noMariaDb !== null) return noMariaDb
  if (PROVIDER === undefined) return 'libgalera_smm.so is not installed: apt-get install galera-4'
  const missing = ['rsync', 'lsof'].find((program) => !existsSync(`/usr/bin/${program}`))
  return missing === undefined ? null : `${missing} is not installed: apt-get install ${missing}`
})()

const ENV: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`,
}
const run = promisify(execFile)
const START_TIMEOUT_MS = 120_000
/**
 * A new node gets its data through a daemon of rsync. If root starts that daemon, it writes as `nobody`. So nodes run as
 * `mysql`, and all files belong to that user.
 */
const IS_ROOT = process.getuid?.() === 0
const AS_USER = IS_ROOT ? ['--user=mysql'] : []

/** One node of a cluster. */
export class GaleraNode {
  readonly url: string
  readonly #folder: string
  readonly #number: number
  readonly #ports: readonly number[]
  readonly #address: string
  #process: ChildProcess | null = null

  constructor(folder: string, number: number, ports: readonly number[], address: string) {
    this.#folder = folder
    this.#number = number
    this.#ports = ports
    this.#address = address
    this.url = `mysql://lockpool:secret@127.0.0.1:${ports[0]}`
  }

  get data(): string {
    return join(this.#folder, 'data')
  }

  get pid(): number {
    return this.#process!.pid!
  }

  /** The value of a status variable of this node, from `SHOW STATUS`. */
  async status(name: string): Promise<string> {
    const [row] = await this.query<{ Value: string }>(`SHOW STATUS LIKE '${name}'`)
    return row?.Value ?? ''
  }

  async query<Row = Record<string, unknown>>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const connection = await createConnection({ uri: this.url, connectTimeout: 5000 })
    try {
      const [rows] = await connection.query<RowDataPacket[]>(sql, values)
      return rows as Row[]
    } finally {
      connection.destroy()
    }
  }

  /** Starts the node, and resolves when it has all data of the cluster. */
  async boot(...settings: string[]): Promise<void> {
    const [sql, group, state, whole] = this.#ports
    const provider = [
      `gmcast.listen_addr=tcp://127.0.0.1:${group}`,
      `ist.recv_addr=127.0.0.1:${state}`,
      'gcache.size=32M',
    ]
    const child = spawn(
      'mariadbd',
      [
        '--no-defaults',
        ...AS_USER,
        `--datadir=${this.data}`,
        `--port=${sql}`,
        `--socket=${join(this.#folder, 'socket')}`,
        `--pid-file=${join(this.#folder, 'pid')}`,
        `--tmpdir=${this.#folder}`,
        `--log-error=${join(this.#folder, 'log')}`,
        '--bind-address=127.0.0.1',
        '--skip-name-resolve',
        '--innodb-buffer-pool-size=32M',
        '--innodb-log-file-size=16M',
        '--innodb-flush-log-at-trx-commit=2',
        '--innodb-autoinc-lock-mode=2',
        '--binlog-format=ROW',
        '--wsrep-on=ON',
        `--wsrep-provider=${PROVIDER}`,
        '--wsrep-cluster-name=lockpool_test',
        `--wsrep-cluster-address=${this.#address}`,
        `--wsrep-node-name=node${this.#number}`,
        `--wsrep-node-address=127.0.0.1:${group}`,
        `--wsrep-provider-options=${provider.join(';')}`,
        '--wsrep-sst-method=rsync',
        `--wsrep-sst-receive-address=127.0.0.1:${whole}`,
        '--wsrep-slave-threads=2',
        ...settings,
      ],
      { env: ENV, stdio: 'ignore' },
    )
    this.#process = child
    endWithParent(child, dirname(this.#folder))
    const since = performance.now()
    for (;;) {
      if (child.exitCode !== null)
        throw new Error(`node ${this.#number} ended with ${child.exitCode}:\n${await this.#lastLines()}`)
      const state = await this.status('wsrep_local_state_comment').catch(() => '')
      if (state === 'Synced') return
      if (performance.now() - since > START_TIMEOUT_MS)
        throw new Error(`node ${this.#number} does not come up:\n${await this.#lastLines()}`)
      await pause(200)
    }
  }

  async #lastLines(): Promise<string> {
    return (await readFile(join(this.#folder, 'log'), 'utf8')).split('\n').slice(-15).join('\n')
  }

  signal(signal: NodeJS.Signals): void {
    this.#process!.kill(signal)
  }

  /** Ends the node: with SIGTERM in order, with SIGKILL like a crash. */
  async halt(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#process
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }
}

/** A Galera cluster for one test. Its nodes run on this machine, with their data in a temporary folder. */
export class OwnGalera implements AsyncDisposable {
  readonly nodes: readonly GaleraNode[]
  readonly #folder: string

  private constructor(folder: string, nodes: readonly GaleraNode[]) {
    this.#folder = folder
    this.nodes = nodes
  }

  static async start(count = 3): Promise<OwnGalera> {
    const folder = await mkdtemp(join(tmpdir(), 'lockpool-galera-'))
    await chmod(folder, 0o755)
    const ports: number[][] = []
    for (let i = 0; i < count; i++)
      ports.push([await freePort(), await freePort(), await freePort(), await freePort()])
    const address = `gcomm://${ports.map(([, group]) => `127.0.0.1:${group}`).join(',')}`
    const nodes: GaleraNode[] = []
    for (const [i, own] of ports.entries()) {
      const place = join(folder, `node${i}`)
      await mkdir(place)
      nodes.push(new GaleraNode(place, i, own, address))
    }
    const cluster = new OwnGalera(folder, nodes)
    try {
      await cluster.#begin()
      return cluster
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Starts the first node. The other nodes start with a copy of its data, and get later changes from it. */
  async #begin(): Promise<void> {
    const [first, ...others] = this.nodes
    const install = ['--no-defaults', `--datadir=${first!.data}`, '--skip-test-db', '--skip-name-resolve']
    const how = [
      '--auth-root-authentication-method=normal',
      `--tmpdir=${this.#folder}`,
      ...(IS_ROOT ? ['--user=root'] : []),
    ]
    await run('mariadb-install-db', [...install, ...how], { env: ENV })
    const init = join(this.#folder, 'init.sql')
    await writeFile(
      init,
      `CREATE USER IF NOT EXISTS lockpool@'%' IDENTIFIED BY 'secret';\nGRANT ALL ON *.* TO lockpool@'%' WITH GRANT OPTION;\n`,
    )
    await this.#own()
    await first!.boot('--wsrep-new-cluster', `--init-file=${init}`)
    await first!.halt()
    for (const other of others) {
      cpSync(first!.data, other.data, { recursive: true })
      for (const name of ['galera.cache', 'gvwstate.dat']) await rm(join(other.data, name), { force: true })
    }
    await this.#own()
    await first!.boot('--wsrep-new-cluster')
    for (const other of others) await other.boot()
  }

  async #own(): Promise<void> {
    if (IS_ROOT) await run('chown', ['-R', 'mysql', this.#folder])
  }

  /** The URLs of one new database, one for each node. */
  async createDatabase(name: string): Promise<string[]> {
    await this.nodes[0]!.query(`CREATE DATABASE ${name}`)
    return this.nodes.map(({ url }) => `${url}/${name}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) {
      try {
        node.signal('SIGCONT')
      } catch {
        // The node was never started.
      }
      await node.halt('SIGKILL')
    }
    await rm(this.#folder, { recursive: true, force: true })
  }
}
