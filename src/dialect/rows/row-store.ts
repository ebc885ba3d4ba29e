import type { RowRequest, RowResult } from './operations.js'
import type { RowSemaphore } from './row-key.js'

/** The member that asks. A statement whose epoch differs from that of the member's row changes nothing. */
export interface Asking {
  readonly id: number
  readonly epoch: string
  /** Members that are known to be dead. This never becomes wrong. */
  readonly dead: readonly string[]
}

/** The answer to a batch. `floor` is null if the member is dead, or not in this epoch any more. */
export interface Reply {
  readonly floor: string | null
  /** The result of each operation. */
  readonly results: readonly (RowResult | null)[]
}

/** Slots of a semaphore as `key:token key:token`, or null for none. `floor` is as in a batch. */
export interface TakenSlots {
  readonly floor: string | null
  readonly taken: string | null
}

/** The state in the row of a member. */
export interface MemberState {
  readonly epoch: string
  readonly dead: boolean
  /** Whether this is the server on which the member has joined. */
  readonly isCurrent: boolean
}

/**
 * Locks that are rows in one database. Each method is a statement in that database; all other code is the same for all
 * databases. If a call rejects with `OutcomeUnknown`, the statement may have run or may still run. If it rejects with
 * another error, the statement has changed nothing.
 */
export interface RowStore {
  /** True once the member has ended: then no statement is repeated. */
  isOver: boolean

  /**
   * Increments the counter of a member. `beat` is null if that was refused. `others` is the state of the other members,
   * in the form of `Observer.saw`.
   */
  beat(id: number): Promise<{ readonly beat: string | null; readonly others: string | null }>
  look(id: number): Promise<MemberState | undefined>
  /** Waits for every statement of the member that has passed the gate. Later ones of another epoch change nothing. */
  raiseEpoch(id: number, epoch: string): Promise<void>
  /** Removes a member that holds nothing. */
  leave(id: number): Promise<void>
  /** Ends a member with all that it holds. */
  abandon(id: number): Promise<void>
  /**
   * Compare-and-set: declares a member dead only if its counter still has this value. Returns whether this call did it.
   */
  bury(id: string, beat: string): Promise<boolean>
  /**
   * Removes everything that a dead member has left, and the member. After that no statement of the member changes
   * anything. No lock passes to the members in `dead`, which are known to be dead as well.
   */
  sweep(id: string, dead: readonly string[]): Promise<void>
  /** Removes rows of free keys if there are many. */
  tidy(): Promise<void>

  /** Runs operations on rows, as a whole or not at all. */
  batch(requests: readonly RowRequest[], asking: Asking): Promise<Reply>
  /** Creates rows for the slots of a semaphore. Returns the floor, or null as in a batch. */
  makeSlots(keys: readonly string[], asking: Asking): Promise<string | null>
  /** Takes the first free slots, in the order of the keys. */
  takeSlots(keys: readonly string[], atMost: number, asking: Asking): Promise<TakenSlots>
  /** Returns which of the slots the member has, after all its earlier statements. */
  ownSlots(keys: readonly string[], asking: Asking): Promise<TakenSlots>
  /** Wakes the first waiters in the row, except the member itself. Returns how many it has woken. */
  wake(key: string, id: number, atMost: number): Promise<number>
  /** The number of permits that another session uses for the semaphore; null if there is no such session. */
  otherPermits(semaphore: RowSemaphore, dead: readonly string[]): Promise<number | null>

  /** Those of the keys that other members wait for. */
  wantedByOthers(keys: readonly string[], id: number): Promise<readonly string[]>
  /** The holders of a key, except the member itself. */
  holders(key: string, id: number): Promise<readonly { readonly id: string; readonly name: string }[]>
}
