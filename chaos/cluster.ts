import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { EmbeddedPostgres, EmbeddedPostgresOptions, StopMode } from '../src/embedded/index.js'
import { crash, Standby, type StartServer } from './standby.js'

const SETTINGS = {
  max_connections: 100,
  // A replica that was started from a copy finds here what it has missed in the meantime.
  wal_keep_size: '512MB',
  // A killed server leaves its shared memory behind. In its own folder, it is removed with the folder.
  dynamic_shared_memory_type: 'mmap',
}

/** How a failover happens. */
export interface FailOver {
  /** Runs while the replica receives nothing: everything that is committed until this resolves is lost. */
  readonly whileBehind: () => Promise<unknown>
  /** SIGKILL of the postmaster; or SIGQUIT, after which the postmaster ends its processes itself. */
  readonly signal: 'SIGKILL' | 'SIGQUIT'
}

/** A service with one server at a time, and sometimes with replicas that can replace it. */
export class Cluster {
  readonly #start: StartServer
  readonly #options: EmbeddedPostgresOptions
  /** Includes the password, which is in the data and so is the same for all later servers. */
  readonly #firstUrl: string
  #primary: EmbeddedPostgres
  /** In the order of their promotion. */
  readonly #standbys: Standby[] = []

  private constructor(start: StartServer, options: EmbeddedPostgresOptions, primary: EmbeddedPostgres) {
    this.#start = start
    this.#options = options
    this.#firstUrl = primary.url
    this.#primary = primary
  }

  /** Starts a durable server: tokens and hold records must outlive a crash. */
  static async startedBy(start: StartServer): Promise<Cluster> {
    const options = { durable: true, settings: SETTINGS }
    return new Cluster(start, options, await start(options))
  }

  get port(): number {
    return this.#primary.port
  }

  /** The process id of the postmaster. */
  get processId(): number {
    return this.#primary.processId
  }

  /** The port of the replica that will be promoted next. */
  get standbyPort(): number | null {
    return this.#standbys[0]?.server.port ?? null
  }

  /** The address of the current primary. */
  urlOf(database: string): string {
    return this.#urlAt(this.port, database)
  }

  restart(mode: StopMode): Promise<void> {
    return this.#primary.restart(mode)
  }

  /** Adds replicas until there are `count`, and resolves when they have caught up. */
  async addStandbys(count: number): Promise<void> {
    while (this.#standbys.length < count) {
      const url = this.urlOf('postgres')
      this.#standbys.push(await Standby.of(this.#primary, url, this.#start, this.#options))
    }
  }

  /**
   * Kills the primary and promotes a replica. By then the old primary no longer answers; a real operator must ensure
   * that too. Further replicas keep trying to reach the old primary and receive nothing from the new one.
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
 * The shared memory segment that reveals a second server on the same folder. Its number is the last word of the seventh
 * line of the lock file. https://www.postgresql.org/docs/current/storage-file-layout.html
 */
async function sharedMemoryOf(server: EmbeddedPostgres): Promise<string | null> {
  const lockFile = await readFile(join(server.directory, 'data', 'postmaster.pid'), 'utf8')
  return lockFile.split('\n')[6]?.trim().split(/\s+/)[1] ?? null
}

/** After SIGKILL the segment stays, and a system has room for only some thousands of them. */
async function freed(memory: string): Promise<void> {
  await promisify(execFile)('ipcrm', ['-m', memory]).catch(() => undefined)
}
