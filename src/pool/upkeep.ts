import type { Cancel, Clock } from '../base/clock.js'
import type { Slot } from './slot.js'

export interface UpkeepRules {
  readonly min: number
  readonly idleTimeoutMs: number
}

/** The counts that decide which connections may be closed. */
export interface Strength {
  /** Usable connections, including those whose lifetime is over. */
  readonly usable: number
  /** Usable connections that were already known to be too old. */
  readonly old: number
  /** Whether another may be opened before one is closed. */
  readonly hasRoom: boolean
}

/** What is due now, and when to look again. */
export interface UpkeepPlan<C> {
  readonly close: readonly { readonly slot: Slot<C>; readonly reason: 'idle for too long' | 'old' }[]
  /**
   * Slots that have grown too old since the last check. A borrower of one is asked to check it in, and it is closed
   * then.
   */
  readonly aged: readonly Slot<C>[]
  /** `Infinity` when nothing will fall due by itself. */
  readonly nextInMs: number
}

/**
 * Pure: which connections have idled or lived long enough. `idle` are those of `slots` in the order of use, the least recent
 * first. An old one that `min` needs stays until its replacement is there, if there can be one before it goes; but not
 * longer than it may live.
 */
export function planUpkeep<C>(
  idle: readonly Slot<C>[],
  slots: Iterable<Slot<C>>,
  { usable, old, hasRoom }: Strength,
  now: number,
  rules: UpkeepRules,
): UpkeepPlan<C> {
  const close: { slot: Slot<C>; reason: 'idle for too long' | 'old' }[] = []
  const aged: Slot<C>[] = []
  let next = Infinity
  for (const slot of slots) {
    if (slot.isOld || slot.state === 'closing') continue
    if (slot.expiresAt <= now) aged.push(slot)
    else next = Math.min(next, slot.expiresAt)
  }
  const justAged = new Set(aged)
  let left = usable
  let fresh = usable - old - aged.length
  for (const slot of idle) {
    if (slot.isOld || justAged.has(slot)) {
      if (slot.endsAt > now && hasRoom && left <= rules.min) next = Math.min(next, slot.endsAt)
      else {
        close.push({ slot, reason: 'old' })
        left--
      }
      continue
    }
    const idleUntil = slot.idleSince + rules.idleTimeoutMs
    if (fresh <= rules.min) continue
    if (idleUntil > now) next = Math.min(next, idleUntil)
    else {
      close.push({ slot, reason: 'idle for too long' })
      left--
      fresh--
    }
  }
  return { close, aged, nextInMs: next === Infinity ? Infinity : Math.max(next - now, 1) }
}

/** One timer for all upkeep. A call with an earlier time moves it. A checkout never touches it. */
export class UpkeepTimer {
  readonly #clock: Clock
  readonly #keepsProcess: boolean
  readonly #run: () => void
  #at = Infinity
  #cancel: Cancel | null = null
  #isClosed = false

  constructor(clock: Clock, keepsProcess: boolean, run: () => void) {
    this.#clock = clock
    this.#keepsProcess = keepsProcess
    this.#run = run
  }

  within(delayMs: number, now: number = this.#clock.now()): void {
    const at = now + delayMs
    if (at >= this.#at || this.#isClosed) return
    this.stop()
    if (delayMs === Infinity) return
    this.#at = at
    const due = (): void => {
      this.stop()
      this.#run()
    }
    this.#cancel = this.#clock.after(delayMs, due, this.#keepsProcess)
  }

  /** Stops the timer and never starts it again. */
  close(): void {
    this.#isClosed = true
    this.stop()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#at = Infinity
  }
}
