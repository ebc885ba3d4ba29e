import type { LockMode } from '../lock-key.js'
import type { RowKey } from './row-key.js'

/** One key, or one semaphore, that a member waits for. */
export interface Wait {
  readonly key: RowKey
  readonly memberId: string
  readonly mode: LockMode
  /** The row of a semaphore is never taken: whether there is a permit only its slots tell. */
  readonly isSemaphore: boolean
  /** The token of the row when it was put among the waiters, and how many were before it; null where that is not known. */
  readonly since: bigint | null
  readonly before: number | null
  /** The token with which it has been given the lock, by a look at the row. Null: it waits. */
  given: string | null
  /**
   * The first waiter has not come for so long that it may be passed over, as long as the row still has this token. Null while
   * that is not so.
   */
  passToken: bigint | null
  /** Whoever listens has found that it may be its turn, and it has not been asked for since. */
  isRung: boolean
}

/** What the members of one pool wait for, by the ids of keys. Whoever listens looks at these rows. */
export class Waits {
  readonly #byKey = new Map<string, Wait>()
  readonly #secrets = new Map<string, string>()
  /** Told when there is one more. */
  added: (wait: Wait) => void = () => undefined
  /** Somebody looks at the rows of all that is waited for, and rings. */
  isWatched = false
  /** Members that are known to be marked dead. */
  dead: () => readonly string[] = () => []

  /** What notifications for this member prove that they come from one of us. */
  trust(memberId: string, secret: string): void {
    this.#secrets.set(memberId, secret)
  }

  secretOf(memberId: string): string | null {
    return this.#secrets.get(memberId) ?? null
  }

  get size(): number {
    return this.#byKey.size
  }

  get all(): Iterable<Wait> {
    return this.#byKey.values()
  }

  of(keyId: string): Wait | undefined {
    return this.#byKey.get(keyId)
  }

  add(wait: Omit<Wait, 'given' | 'passToken' | 'isRung'>): void {
    const before = this.#byKey.get(wait.key.id)
    if (before !== undefined && before.mode === wait.mode && before.memberId === wait.memberId) return
    const added = { ...wait, given: null, passToken: null, isRung: false }
    this.#byKey.set(wait.key.id, added)
    this.added(added)
  }

  remove(key: RowKey): void {
    // The id of a key is made only where it is of use.
    if (this.#byKey.size > 0) this.#byKey.delete(key.id)
  }

  /** A member has gone. */
  forget(memberId: string): void {
    this.#secrets.delete(memberId)
    for (const [id, wait] of this.#byKey) if (wait.memberId === memberId) this.#byKey.delete(id)
  }
}
