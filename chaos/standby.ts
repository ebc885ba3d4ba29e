import { rm, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EmbeddedPostgres, EmbeddedPostgresOptions } from '../src/embedded/index.js'
import { BEGIN_BACKUP, END_BACKUP, IN_STEP, PROMOTE } from './chaos-sql.js'
import { copyDataFolder, writeOwned } from './data-copy.js'
import { Proxy } from './proxy.js'
import { withClient } from './with-client.js'

export type StartServer = (options: EmbeddedPostgresOptions) => Promise<EmbeddedPostgres>

const LOOK_EVERY_MS = 20
const PATIENCE_MS = 30_000

/**
 * A replica that follows a server asynchronously, through its own network. Commits while that network is stalled are
 * lost in a failover.
 */
export class Standby {
  readonly server: EmbeddedPostgres
  readonly #feed: Proxy

  private constructor(server: EmbeddedPostgres, feed: Proxy) {
    this.server = server
    this.#feed = feed
  }

  /**
   * The embedded programs have no `pg_basebackup`. So this starts a server and replaces its data by a copy of the other
   * server's data, which keeps running. `url` is the address of that other server, with its password.
   */
  static async of(
    primary: EmbeddedPostgres,
    url: string,
    start: StartServer,
    options: EmbeddedPostgresOptions,
  ): Promise<Standby> {
    const server = await start(options)
    const folder = join(server.directory, 'data')
    await crash(server)
    for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true })
    const feed = await Proxy.to(primary.port)
    const byFeed = new URL(url)
    byFeed.port = String(feed.port)
    await withClient(url, async (client) => {
      await client.query(BEGIN_BACKUP)
      await copyDataFolder(join(primary.directory, 'data'), folder)
      const { rows } = await client.query<{ label: string }>(END_BACKUP)
      await writeOwned(folder, 'backup_label', rows[0]!.label, 'w')
    })
    await writeOwned(folder, 'standby.signal', '', 'w')
    await writeOwned(folder, 'postgresql.auto.conf', `primary_conninfo = '${byFeed.href}'\n`, 'a')
    await server.restart('immediate')
    const standby = new Standby(server, feed)
    await standby.#catchUp(url)
    return standby
  }

  /** From now on the replica receives nothing. */
  fallBehind(): void {
    this.#feed.toClient.isStalled = true
  }

  /** Promotes the replica; `url` is its address. The primary must be gone. Resolves when the replica accepts writes. */
  async promote(url: string): Promise<void> {
    await this.#feed.close()
    const { rows } = await withClient(url, (client) => client.query<{ is_promoted: boolean }>(PROMOTE))
    if (rows[0]?.is_promoted !== true)
      throw new Error(`the standby is not promoted: ${await this.server.log()}`)
  }

  async #catchUp(url: string): Promise<void> {
    await withClient(url, async (client) => {
      for (const until = performance.now() + PATIENCE_MS; performance.now() < until;) {
        const { rows } = await client.query<{ in_step: boolean }>(IN_STEP)
        if (rows[0]?.in_step === true) return
        await sleep(LOOK_EVERY_MS)
      }
      throw new Error(`the standby does not follow: ${await this.server.log()}`)
    })
  }
}

/** Ends a server so that none of its processes remains. Its data stays. */
export async function crash(server: EmbeddedPostgres, signal: NodeJS.Signals = 'SIGQUIT'): Promise<void> {
  const { processId } = server
  process.kill(processId, signal)
  const until = performance.now() + PATIENCE_MS
  while (isThere(processId)) {
    if (performance.now() > until) throw new Error(`server process ${processId} does not end`)
    await sleep(LOOK_EVERY_MS)
  }
}

function isThere(processId: number): boolean {
  try {
    process.kill(processId, 0)
    return true
  } catch {
    return false
  }
}
