import type { Cancel, Clock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import { inTime } from '../../base/in-time.js'
import type { Dialect, LockLink } from '../../dialect/dialect.js'
import type { NamedKey } from '../../dialect/named-key.js'
import type { ConnectionPool } from '../../pool/connection-pool.js'
import type { Keys } from './keys.js'
import { keyText } from '../../dialect/key-words.js'
import type { Semaphores } from '../semaphore/semaphores.js'

/** Locks held for less are usually gone before a person could look, and cost nothing. */
const LOOK_EVERY_MS = 1000

/** The most names in one statement, and so in a second: complete names are not worth a flood. */
const BATCH = 500

/** A name is written again after this long, so that the cleanup of unused names does not remove it. */
const WRITE_AGAIN_MS = 3_600_000

/** The number of names that are known to be written. When there are more, all are forgotten, and some are written again. */
const REMEMBERED = 50_000

/** Less often when the last attempt has failed: nothing depends on it. */
const RETRY_MS = 60_000

/** The connection comes from the pool, which the program needs, so the wait for one is too short to be noticed. */
const PATIENCE_MS = 1000

/** A silent server keeps a connection from the program no longer than this. */
const ANSWER_LIMIT_MS = 10_000

export interface KeyNamesPorts<C extends object> {
  readonly connections: ConnectionPool<C>
  readonly dialect: Dialect<C>
  readonly clock: Clock
  /** Names of the keys that callers here hold or wait for. */
  inUse(): Iterable<NamedKey>
  warn(message: string, error?: Error): void
}

/**
 * Records the names of the keys in use, where the database has a table for that, so that people see names instead of
 * numbers. It collects them once a second rather than at each lock, so the path of a lock costs nothing more.
 */
export class KeyNames<C extends object> {
  readonly #ports: KeyNamesPorts<C>
  readonly #links = new Set<LockLink>()
  readonly #written = new Map<string, number>()
  #cancel: Cancel | null = null
  #isClosed = false
  #isReported = false

  constructor(ports: KeyNamesPorts<C>) {
    this.#ports = ports
  }

  joined(link: LockLink): void {
    if (!link.keepsNames || this.#isClosed) return
    this.#links.add(link)
    if (this.#links.size === 1) this.#lookIn(LOOK_EVERY_MS)
  }

  /** When the last session is gone, nothing is held any more. The server may come back without the names. */
  left(link: LockLink): void {
    this.#links.delete(link)
    if (this.#links.size === 0) this.#stop()
  }

  close(): void {
    this.#isClosed = true
    this.#stop()
  }

  #stop(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#written.clear()
  }

  #lookIn(delayMs: number): void {
    this.#cancel = this.#ports.clock.after(delayMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    const names = this.#unwritten()
    const error = names.length === 0 ? null : await this.#write(names)
    // The pool was closed meanwhile, or the last session is gone, and perhaps there is a new one.
    if (this.#isClosed || this.#links.size === 0) return
    this.#cancel?.()
    this.#lookIn(error === null ? LOOK_EVERY_MS : RETRY_MS)
  }

  #unwritten(): NamedKey[] {
    const dueBefore = this.#ports.clock.now() - WRITE_AGAIN_MS
    const names: NamedKey[] = []
    for (const named of this.#ports.inUse()) {
      const writtenAt = this.#written.get(named.code.id)
      if (writtenAt !== undefined && writtenAt > dueBefore) continue
      names.push(named)
      if (names.length === BATCH) break
    }
    return names
  }

  async #write(names: readonly NamedKey[]): Promise<Error | null> {
    const { connections, dialect, clock } = this.#ports
    try {
      const late = (): Error => new ConnectionError(`the server did not answer within ${ANSWER_LIMIT_MS} ms`)
      await connections.use(
        (connection) => inTime(clock, ANSWER_LIMIT_MS, dialect.writeNames(connection, names), late),
        { timeoutMs: PATIENCE_MS },
      )
    } catch (error) {
      if (!this.#isReported && !this.#isClosed)
        this.#ports.warn('names of keys are not recorded', error as Error)
      this.#isReported = true
      return error as Error
    }
    this.#isReported = false
    if (this.#written.size + names.length > REMEMBERED) this.#written.clear()
    for (const { code } of names) this.#written.set(code.id, clock.now())
    return null
  }
}

/** The keys in use here that have a name. A raw key needs none, unless it belongs to a semaphore. */
export function* namesInUse(
  { entries }: Pick<Keys, 'entries'>,
  semaphores: Pick<Semaphores, 'entries'>,
  namespace: string,
): Generator<NamedKey> {
  for (const { key, label } of entries)
    if (typeof label === 'string') yield { code: key, name: label, namespace, semaphore: null }
  for (const { key, label, semaphore } of semaphores.entries)
    yield { code: key, name: keyText(label), namespace, semaphore }
}
