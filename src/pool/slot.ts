import { assertMove } from '../base/assert.js'

/**
 * - `opening`   asked of the server, not usable yet
 * - `idle`      in the pool, clean, free to hand out
 * - `checking`  has idled for long; being asked whether it is still good
 * - `leased`    checked out
 * - `cleaning`  came back dirty; being made clean
 * - `closing`   asked to end; still counts, because the server may not have released it yet
 * - `closed`    gone
 */
export type SlotState = 'opening' | 'idle' | 'checking' | 'leased' | 'cleaning' | 'closing' | 'closed'

/** Every legal move. Only an `idle` connection, which is clean, becomes `leased`. */
export const SLOT_MOVES: Readonly<Record<SlotState, readonly SlotState[]>> = {
  opening: ['idle', 'closed'],
  idle: ['leased', 'checking', 'closing', 'closed'],
  checking: ['idle', 'closing', 'closed'],
  leased: ['idle', 'cleaning', 'closing', 'closed'],
  cleaning: ['idle', 'closing', 'closed'],
  closing: ['closed'],
  closed: [],
}

/** Asks the borrower of a connection to check it in soon; true if it will. */
export type OnWanted = () => boolean

/** One place of the pool's `max`, and the connection in it. */
export class Slot<C> {
  readonly id: number
  readonly #onMove: (slot: Slot<C>, from: SlotState) => void
  #state: SlotState = 'opening'

  /** Null while opening, and only then. */
  connection: C | null = null
  /** When it was opened, on the pool's clock. */
  openedAt = 0
  /** When it should be replaced, on the pool's clock: a while before `endsAt`. */
  expiresAt: number = Infinity
  /** From this time on it is not checked out any more, whether it was replaced or not. */
  endsAt: number = Infinity
  /** It should be replaced: it is closed when another is there, or when it comes back. The tally sets it. */
  isOld = false
  /** Checkouts so far. */
  uses = 0
  /** `Infinity` while it has not idled at all: it has just come back, and a caller may be waiting for it. */
  idleSince = 0
  /** Whether the checkout uses one of the reserved connections. Only valid while `leased`. */
  isReserved = false
  /** Set while checked out by a borrower that can be asked to check it in. */
  onWanted: OnWanted | null = null

  constructor(id: number, onMove: (slot: Slot<C>, from: SlotState) => void) {
    this.id = id
    this.#onMove = onMove
  }

  get state(): SlotState {
    return this.#state
  }

  toString(): string {
    return `connection ${this.id}`
  }

  /** The only writer of the state. */
  move(to: SlotState): void {
    const from = this.#state
    assertMove(SLOT_MOVES, from, to, this)
    this.#state = to
    this.#onMove(this, from)
  }
}
