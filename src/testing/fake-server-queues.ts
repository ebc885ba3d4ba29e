import type { Cancel, Clock } from '../base/clock.js'
import type { KeyCode, LockMode } from '../dialect/lock-key.js'
import type { FakeConnection } from './fake-connection.js'
import type { FakeLockTable, Owner } from './fake-lock-table.js'

/** How a wait ended. */
export type FakeWaitEnd = 'free' | 'come' | 'late'

/** A session that waits for a key. */
export interface FakeWait {
  readonly owner: Owner
  readonly key: KeyCode
  readonly mode: LockMode
  readonly waitMs: number
  /** Called when the wait is over: the session takes the key now if it was granted, or does not get it. */
  readonly ended: (end: FakeWaitEnd) => void
}

interface Place extends FakeWait {
  cancel: Cancel
}

/**
 * The queues in which sessions wait for keys, as in a real server: in the order in which they came, and a later session
 * cannot overtake them.
 */
export class FakeServerQueues {
  readonly #clock: Clock
  readonly #table: FakeLockTable
  readonly #queues = new Map<string, Place[]>()

  constructor(clock: Clock, table: FakeLockTable) {
    this.#clock = clock
    this.#table = table
    table.changed = (keyId) => this.#changed(keyId)
    table.isQueuedFor = (keyId) => this.#queues.has(keyId)
    table.isBehind = (keyId, mode) => this.#isBehind(keyId, mode)
  }

  /** The number of sessions that wait. */
  get waiting(): number {
    return [...this.#queues.values()].reduce((sum, line) => sum + line.length, 0)
  }

  wait(wait: FakeWait): void {
    const { key, mode } = wait
    if (!this.#isBehind(key.id, mode) && this.#mayTake(wait)) return wait.ended('free')
    const place: Place = { ...wait, cancel: () => undefined }
    this.#queues.set(key.id, [...(this.#queues.get(key.id) ?? []), place])
    place.cancel = this.#clock.after(wait.waitMs, () => this.#leave(place, 'late'))
  }

  /** Waits for the key, and returns the result of `act` when the wait is over. */
  during<T>(
    connection: FakeConnection,
    { key, mode, waitMs }: Omit<FakeWait, 'owner' | 'ended'>,
    act: (end: FakeWaitEnd) => T,
  ): Promise<T> {
    return connection.askLater((answer, fail) => {
      const ended = (end: FakeWaitEnd): void => {
        try {
          answer(act(end))
        } catch (error) {
          fail(error as Error)
        }
      }
      this.wait({ owner: connection.serverId, key, mode, waitMs, ended })
    })
  }

  /** Called when a session has ended. */
  end(owner: Owner): void {
    for (const queue of [...this.#queues.values()])
      for (const place of queue) if (place.owner === owner) this.#leave(place, null)
  }

  #changed(keyId: string): void {
    const head = this.#queues.get(keyId)?.[0]
    if (head !== undefined && this.#mayTake(head)) this.#leave(head, 'come')
  }

  #leave(place: Place, end: 'come' | 'late' | null): void {
    place.cancel()
    const { id } = place.key
    const queue = (this.#queues.get(id) ?? []).filter((each) => each !== place)
    if (queue.length === 0) this.#queues.delete(id)
    else this.#queues.set(id, queue)
    // The session takes the key at the same moment. Only then is the next waiter considered.
    if (end !== null) place.ended(end)
    this.#changed(id)
  }

  /** Whether a session that comes now must wait behind others. */
  #isBehind(keyId: string, mode: LockMode): boolean {
    const queue = this.#queues.get(keyId)
    return queue !== undefined && (mode === 'exclusive' || queue.some((place) => place.mode === 'exclusive'))
  }

  #mayTake({ owner, key, mode }: FakeWait): boolean {
    const others = this.#table.holders(key.id).filter((holder) => holder.owner !== owner)
    return mode === 'exclusive' ? others.length === 0 : others.every((holder) => holder.mode === 'shared')
  }
}
