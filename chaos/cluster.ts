import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { EmbeddedPostgres, EmbeddedPostgresOptions, StopMode } from '../src/embedded/index.js'
import { crash, Standby, type StartServer } from './standby.js'

const SETTINGS = {
  max_connections: 100,
  // A replica that was started from a copy finds what it missed meanwhile.
  wal_keep_size: '512MB',
  // A server that is killed leaves its shared memory behind; in its own folder that goes with it.
  dynamic_shared_memory_type: 'mmap',
}

/** How a fail-over comes about. */
export interface FailOver {
  /** What happens while the replica receives nothing: what is committed until this resolves is lost. */
  readonly whileBehind: () => Promise<unknown>
  /** SIGKILL of the postmaster, or SIGQUIT, after which it ends its processes itself. */
  readonly signal: 'SIGKILL' | 'SIGQUIT'
}

/** A service of one server, whoever that is, and at times of replicas that are to take its place. */
export class Cluster {
  readonly #start: StartServer
  readonly #options: EmbeddedPostgresOptions
  /** With the password, which is in the data, and so the same for all servers that will ever be. */
  readonly #firstUrl: string
  #primary: EmbeddedPostgres
  /** In the order in which they will be promoted. */
  readonly #standbys: Standby[] = []

  private constructor(start: StartServer, options: EmbeddedPostgresOptions, primary: EmbeddedPostgres) {
    this.#start = start
    this.#options = options
    this.#firstUrl = primary.url
    this.#primary = primary
  }

  /** The disk keeps what it has: tokens and marks must outlive a crash. */
  static async startedBy(start: StartServer): Promise<Cluster> {
    const options = { durable: true, settings: SETTINGS }
    return new Cluster(start, options, await start(options))
  }

  get port(): number {
    return this.#primary.port
  }

  /** Of the postmaster. */
  get processId(): number {
    return this.#primary.processId
  }

  /** Of the replica that will be promoted next. */
  get standbyPort(): number | null {
    return this.#standbys[0]?.server.port ?? null
  }

  /** Of the server that is the primary at the moment. */
  urlOf(database: string): string {
    return this.#urlAt(this.port, database)
  }

  restart(mode: StopMode): Promise<void> {
    return this.#primary.restart(mode)
  }

  /** Sees to it that there are so many replicas, and resolves when they have caught up. */
  async addStandbys(count: number): Promise<void> {
    while (this.#standbys.length < count) {
      const url = this.urlOf('postgres')
      this.#standbys.push(await Standby.of(this.#primary, url, this.#start, this.#options))
    }
  }

  /**
   * The primary dies, and a replica takes its place. Nothing of the old one answers any more by then: whoever operates a
   * fail-over has to see to that. Further replicas go on looking for the old one, and hear nothing of the new one.
   */
  async failOver({ whileBehind, signal }: FailOver): Promise<void> {
    const old = this.#primary
    const standby = this.#standbys.shift()
    if (standby === undefined) throw new Error('there is no replica to fail over to')
    standby.fallBehind()
    await whileBehind()
    const memory = await sharedMemoryOf(old)
    await crash(old, signal)
    await old.stop('immediate')
    if (memory !== null) await freed(memory)
    await standby.promote(this.#urlAt(standby.server.port, 'postgres'))
    this.#primary = standby.server
  }

  async stop(): Promise<void> {
    const servers = [this.#primary, ...this.#standbys.map(({ server }) => server)]
    await Promise.all(servers.map((server) => server.stop('immediate')))
  }

  #urlAt(port: number, database: string): string {
    const url = new URL(this.#firstUrl)
    url.port = String(port)
    url.pathname = `/${database}`
    return url.href
  }
}

/**
 * The segment by which a second server on the same folder would be noticed: its number is the last word of the seventh
 * line of the lock file. https://www.postgresql.org/docs/current/storage-file-layout.html
 */
async function sharedMemoryOf(server: EmbeddedPostgres): Promise<string | null> {
  const lockFile = await readFile(join(server.directory, 'data', 'postmaster.pid'), 'utf8')
  return lockFile.split('\n')[6]?.trim().split(/\s+/)[1] ?? null
}

/** After SIGKILL it stays for good, and there are only some thousands of them in a system. */
async function freed(memory: string): Promise<void> {
  await promisify(execFile)('ipcrm', ['-m', memory]).catch(() => undefined)
}
