import type { LockMode } from '../lock-key.js'
import { UnreportedMembers } from './unreported-members.js'
import type { RowKey } from './row-key.js'

/** A key or a semaphore that a member waits for. */
export interface Wait {
  readonly key: RowKey
  readonly memberId: string
  readonly mode: LockMode
  /** The row of a semaphore is never acquired: only its slots show whether there is a permit. */
  readonly isSemaphore: boolean
  /**
   * The token of the row when the member was added to the waiters, and the number of waiters before it. Null if
   * unknown.
   */
  readonly since: bigint | null
  readonly before: number | null
  /** The token with which the member was given the lock. Null while it waits. */
  given: string | null
  /**
   * The first waiter may be passed over while the row still has this token, because it has not come for a long time.
   * Null otherwise.
   */
  passToken: bigint | null
  /** Whether the watch has found that the turn may have come, and no attempt has followed yet. */
  isWoken: boolean
}

/** What the members of one pool wait for, by the ids of keys. The watch polls these rows. */
export class Waits {
  readonly #byKey = new Map<string, Wait>()
  readonly #secrets = new Map<string, string>()
  /** Called when a wait is added. */
  added: (wait: Wait) => void = () => undefined
  /** Whether a watch polls the rows and wakes the waiters. */
  isWatched = false
  /** The members that are known to be dead. */
  dead: () => readonly string[] = () => []

  readonly unreported: UnreportedMembers = new UnreportedMembers()

  /** Stores the secret with which notifications for this member prove that they come from other members. */
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

  add(wait: Omit<Wait, 'given' | 'passToken' | 'isWoken'>): void {
    const before = this.#byKey.get(wait.key.id)
    if (before !== undefined && before.mode === wait.mode && before.memberId === wait.memberId) return
    const added = { ...wait, given: null, passToken: null, isWoken: false }
    this.#byKey.set(wait.key.id, added)
    this.added(added)
  }

  remove(key: RowKey): void {
    // The id of a key is built only if it is needed.
    if (this.#byKey.size > 0) this.#byKey.delete(key.id)
  }

  /** A member has ended. */
  removeMember(memberId: string): void {
    this.#secrets.delete(memberId)
    for (const [id, wait] of this.#byKey) if (wait.memberId === memberId) this.#byKey.delete(id)
  }
}
