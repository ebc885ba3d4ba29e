import type { Asked, Told } from './operations.js'
import type { RowSemaphore } from './row-key.js'

/** Who asks: a statement in another epoch than that of the row of the member does nothing. */
export interface Asking {
  readonly id: number
  readonly epoch: string
  /** Members that are known to be marked dead. It never becomes wrong. */
  readonly dead: readonly string[]
}

/** The answer to a batch: `floor` is null if the member may do nothing any more, or not in this epoch. */
export interface Reply {
  readonly floor: string | null
  /** Per asked operation. */
  readonly told: readonly (Told | null)[]
}

/** Slots of a semaphore, as `key:token key:token`; null: none. `floor` as in a batch. */
export interface TakenSlots {
  readonly floor: string | null
  readonly taken: string | null
}

/** What the row of a member says. */
export interface MemberState {
  readonly epoch: string
  readonly dead: boolean
  /** Whether this is the server on which it has joined. */
  readonly isCurrent: boolean
}

/**
 * Locks that are rows, in one database: what each of these does is a statement there, and everything else is the same in all.
 * A call that rejects with `OutcomeUnknown` may have happened, and may still happen; one that rejects with anything else has not.
 */
export interface RowStore {
  /** Set when the member has gone: no statement is repeated any more. */
  isOver: boolean

  /**
   * Raises the counter of a member. `beat` is null if that was refused. `others` is the look at the other members, as
   * `Observer.saw` takes it.
   */
  beat(id: number): Promise<{ readonly beat: string | null; readonly others: string | null }>
  look(id: number): Promise<MemberState | undefined>
  /** Waits for every statement of the member that has passed the gate. Those that come later in another epoch do nothing. */
  raiseEpoch(id: number, epoch: string): Promise<void>
  /** It has nothing, and goes. */
  leave(id: number): Promise<void>
  /** It gives up all it has. */
  abandon(id: number): Promise<void>
  /** Compare-and-set: only while its counter still stands there. Answers whether this was what has buried it. */
  bury(id: string, beat: string): Promise<boolean>
  /** Removes what a dead member has left, and the member: behind that no statement of it does anything. */
  sweep(id: string): Promise<void>
  /** Removes rows of keys that nobody has, if there are many. */
  tidy(): Promise<void>

  /** Carries out operations on rows. As a whole or not at all. */
  batch(asked: readonly Asked[], asking: Asking): Promise<Reply>
  /** Makes rows for the slots of a semaphore. Answers the floor; null as in a batch. */
  makeSlots(keys: readonly string[], asking: Asking): Promise<string | null>
  /** Takes the first that are free, in the order of the keys. */
  takeSlots(keys: readonly string[], atMost: number, asking: Asking): Promise<TakenSlots>
  /** Which of them the member has, behind everything that it has done. */
  ownSlots(keys: readonly string[], asking: Asking): Promise<TakenSlots>
  /** Wakes the first of those who stand in the row, other than the member. Answers how many rows have such. */
  wake(key: string, id: number, atMost: number): Promise<number>
  /** The number of permits that somebody else takes the semaphore to have; null if nobody does. */
  otherPermits(semaphore: RowSemaphore, dead: readonly string[]): Promise<number | null>

  /** Of some keys those that others wait for. */
  wantedByOthers(keys: readonly string[], id: number): Promise<readonly string[]>
  /** Who has a key, other than the member. */
  holders(key: string, id: number): Promise<readonly { readonly id: string; readonly name: string }[]>
}
