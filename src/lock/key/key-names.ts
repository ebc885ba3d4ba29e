import type { Cancel, Clock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import { inTime } from '../../base/in-time.js'
import type { Dialect, LockLink } from '../../dialect/dialect.js'
import type { NamedKey } from '../../dialect/named-key.js'
import type { ConnectionPool } from '../../pool/connection-pool.js'
import type { Keys } from './keys.js'
import { keyText } from '../../dialect/key-words.js'
import type { Semaphores } from '../semaphore/semaphores.js'

/** Keys that are held for less are mostly gone before anybody could look, and cost nothing. */
const LOOK_EVERY_MS = 1000

/** At most so many in one statement, and so in a second: a name for everything is not worth a flood. */
const BATCH = 500

/** A name is written again after this long, so that what is in use is not swept away with what is not. */
const WRITE_AGAIN_MS = 3_600_000

/** Names of which it is known that they are written. When there are more, all are forgotten, and some written again. */
const REMEMBERED = 50_000

/** Rarer when the last attempt has failed: nothing depends on it. */
const RETRY_MS = 60_000

/** The connection is borrowed from the program's own, so this waits for one no longer than nobody notices. */
const PATIENCE_MS = 1000

/** A connection of the program's is not kept from it by a silent server. */
const ANSWER_LIMIT_MS = 10_000

export interface KeyNamesPorts<C extends object> {
  readonly connections: ConnectionPool<C>
  readonly dialect: Dialect<C>
  readonly clock: Clock
  /** Names of the keys that somebody here holds or waits for. */
  inUse(): Iterable<NamedKey>
  warn(message: string, error?: Error): void
}

/**
 * Writes down what the keys in use are called, where the database has a place for that, so that others can see names instead
 * of numbers. It looks around once a second rather than at each lock, which costs the way of a lock nothing at all.
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

  /** With the last session nothing is held any more. The server may come back without what was written. */
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
    // Closed meanwhile, or the last session is gone, and perhaps another has come.
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

/** What is in use here, as far as it has a name. Raw keys say all that there is to say, unless they are of a semaphore. */
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
