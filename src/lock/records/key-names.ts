import type { Dialect, LockLink, RecordTables } from '../../dialect/dialect.js'
import type { KeyCode, LockKey } from '../../dialect/lock-key.js'
import type { NamedKey } from '../../dialect/named-key.js'
import type { SemaphoreCode } from '../../dialect/permit-operation.js'
import { keyText } from '../../dialect/key-words.js'
import { Recorder, type RecorderHost } from './recorder.js'

/** The most names in one statement, and so in a second: complete names are not worth a flood. */
const BATCH = 500

/** A name is written again after this long, so that the cleanup of unused names does not remove it. */
const WRITE_AGAIN_MS = 3_600_000

/** The number of names that are known to be written. When there are more, all are forgotten, and some are written again. */
const REMEMBERED = 50_000

export interface KeyNamesHost<C extends object> extends RecorderHost<C> {
  readonly dialect: Dialect<C>
  /** Names of the keys that callers here hold or wait for. */
  inUse(): Iterable<NamedKey>
}

/**
 * Records the names of the keys in use, where the database has a table for that, so that people see names instead of
 * numbers. It collects them once a second rather than at each lock: locks that are held for less are usually gone before a
 * person could look.
 */
export class KeyNames<C extends object> {
  readonly #host: KeyNamesHost<C>
  readonly #links = new Set<LockLink>()
  readonly #written = new Map<string, number>()
  readonly #recorder: Recorder<C>

  constructor(host: KeyNamesHost<C>) {
    this.#host = host
    this.#recorder = new Recorder(host, {
      consequence: 'names of keys are not recorded',
      isDue: () => this.#unwritten().length > 0,
      write: (connection) => this.#writeTo(connection),
      failed: () => undefined,
    })
  }

  joined(link: LockLink, { keepsNames }: RecordTables = link): void {
    if (!keepsNames || this.#recorder.isClosed) return
    this.#links.add(link)
    this.#recorder.start()
  }

  /** When the last session is gone, nothing is held any more. The server may come back without the names. */
  detached(link: LockLink): void {
    this.#links.delete(link)
    if (this.#links.size > 0) return
    this.#recorder.stop()
    this.#written.clear()
  }

  close(): void {
    this.#recorder.close()
    this.#written.clear()
  }

  #unwritten(): NamedKey[] {
    const dueBefore = this.#host.clock.now() - WRITE_AGAIN_MS
    const names: NamedKey[] = []
    for (const named of this.#host.inUse()) {
      const writtenAt = this.#written.get(named.code.id)
      if (writtenAt !== undefined && writtenAt > dueBefore) continue
      names.push(named)
      if (names.length === BATCH) break
    }
    return names
  }

  async #writeTo(connection: C): Promise<void> {
    const { dialect, clock } = this.#host
    const names = this.#unwritten()
    if (names.length === 0) return
    await dialect.writeNames(connection, names)
    if (this.#written.size + names.length > REMEMBERED) this.#written.clear()
    for (const { code } of names) this.#written.set(code.id, clock.now())
  }
}

interface NamedSemaphore {
  readonly key: KeyCode
  readonly label: LockKey
  readonly semaphore: SemaphoreCode
}

/** The keys in use here that have a name. A raw key needs none, unless it belongs to a semaphore. */
export function* namesInUse(
  keys: { readonly entries: Iterable<{ readonly key: KeyCode; readonly label: LockKey }> },
  semaphores: { readonly entries: Iterable<NamedSemaphore> },
  namespace: string,
): Generator<NamedKey> {
  for (const { key, label } of keys.entries)
    if (typeof label === 'string') yield { code: key, name: label, namespace, semaphore: null }
  for (const { key, label, semaphore } of semaphores.entries)
    yield { code: key, name: keyText(label), namespace, semaphore }
}
