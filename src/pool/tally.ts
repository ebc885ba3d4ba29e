import type { OnWanted, Slot, SlotState } from './slot.js'

/**
 * How many connections are in which state. It follows their moves. It does not count `idle`, because every checkout would pay
 * for it, and the list of idle slots has a length.
 */
export class Tally<C> {
  checking = 0
  cleaning = 0
  closing = 0
  /** Since the pool was made. */
  closed = 0
  leased = 0
  /** Those `leased` that do not use reserved connections. */
  ordinaryLeased = 0
  /** Those `leased` that can be asked back. */
  askable = 0
  /** Those whose lifetime is over, and which are neither closing nor closed. */
  old = 0

  checkedOut(slot: Slot<C>, isReserved: boolean, onWanted: OnWanted | null): void {
    slot.isReserved = isReserved
    slot.onWanted = onWanted
    this.leased++
    if (!isReserved) this.ordinaryLeased++
    if (onWanted !== null) this.askable++
  }

  aged(slot: Slot<C>): void {
    if (slot.isOld) return
    slot.isOld = true
    this.old++
  }

  moved(slot: Slot<C>, from: SlotState): void {
    const { state } = slot
    if (isPassing(from)) this[from]--
    if (isPassing(state)) this[state]++
    else if (state === 'closed') this.closed++
    if (slot.isOld && from !== 'closing' && (state === 'closing' || state === 'closed')) this.old--
    if (from === 'leased') this.#cameBack(slot)
  }

  #cameBack(slot: Slot<C>): void {
    this.leased--
    if (!slot.isReserved) this.ordinaryLeased--
    if (slot.onWanted !== null) this.askable--
    slot.onWanted = null
  }
}

/** States that a slot is in for a short time, and seldom. */
type Passing = 'checking' | 'cleaning' | 'closing'

function isPassing(state: SlotState): state is Passing {
  return state === 'checking' || state === 'cleaning' || state === 'closing'
}
