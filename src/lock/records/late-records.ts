import type { Dialect, LockLink, RecordTables } from '../../dialect/dialect.js'
import { Recorder, type RecorderHost } from './recorder.js'

/** How often the tables are looked for. */
export const LOOK_AGAIN_MS = 30_000

export interface LateRecordsHost<C extends object> extends RecorderHost<C> {
  readonly dialect: Dialect<C>
  /** The session can write these records from now on. */
  found(link: LockLink, tables: RecordTables): void
}

/**
 * Looks for tables of records that were missing when a session was attached: `lockpool install` may create them while a process
 * runs, and a busy process keeps its sessions for days.
 */
export class LateRecords<C extends object> {
  readonly #host: LateRecordsHost<C>
  readonly #links = new Set<LockLink>()
  readonly #recorder: Recorder<C>
  #lookedAt = 0

  constructor(host: LateRecordsHost<C>) {
    this.#host = host
    this.#recorder = new Recorder(host, {
      consequence: 'tables of records are not looked for',
      isDue: () => host.clock.now() - this.#lookedAt >= LOOK_AGAIN_MS,
      write: (connection) => this.#look(connection),
      failed: () => undefined,
    })
  }

  joined(link: LockLink): void {
    if (link.keepsReports || this.#host.dialect.findRecordTables === undefined) return
    if (this.#links.size === 0) this.#lookedAt = this.#host.clock.now()
    this.#links.add(link)
    this.#recorder.start()
  }

  detached(link: LockLink): void {
    this.#links.delete(link)
    if (this.#links.size === 0) this.#recorder.stop()
  }

  close(): void {
    this.#recorder.close()
  }

  async #look(connection: C): Promise<void> {
    const { dialect, clock } = this.#host
    this.#lookedAt = clock.now()
    const tables = await dialect.findRecordTables!(connection)
    if (!tables.keepsReports) return
    for (const link of [...this.#links]) {
      this.detached(link)
      this.#host.found(link, tables)
    }
  }
}
