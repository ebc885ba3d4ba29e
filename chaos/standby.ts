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
 * A replica that follows a server asynchronously, over a network of its own: what is committed while that network stands
 * still is lost in a fail-over.
 */
export class Standby {
  readonly server: EmbeddedPostgres
  readonly #feed: Proxy

  private constructor(server: EmbeddedPostgres, feed: Proxy) {
    this.server = server
    this.#feed = feed
  }

  /**
   * There is no `pg_basebackup` among the embedded programs. So a server is started, and what it has is replaced by a copy
   * of what the other one has, taken while that goes on. `url` is of that other one, with its password.
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

  /** From now on nothing that the primary commits gets here. */
  fallBehind(): void {
    this.#feed.toClient.isStalled = true
  }

  /** `url` is of this server. The primary must be gone. Resolves when it takes writes. */
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

/** Ends a server so that nothing of it runs any more, and its data stays. */
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
