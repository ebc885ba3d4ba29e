import type { Cancel, Clock } from '../base/clock.js'
import type { Slot } from './slot.js'

export interface UpkeepRules {
  readonly min: number
  readonly idleTimeoutMs: number
}

/** What is due now, and when to look again. */
export interface UpkeepPlan<C> {
  readonly close: readonly { readonly slot: Slot<C>; readonly reason: 'idle for too long' | 'old' }[]
  /** Too old, but in use: to be asked back, and closed on return. */
  readonly old: readonly Slot<C>[]
  /** `Infinity` when nothing will fall due by itself. */
  readonly nextInMs: number
}

/** Pure: which connections have idled or lived long enough. `idle` are those of `slots` in the order of use, the least recent first. */
export function planUpkeep<C>(
  idle: readonly Slot<C>[],
  slots: Iterable<Slot<C>>,
  total: number,
  now: number,
  rules: UpkeepRules,
): UpkeepPlan<C> {
  const close: { slot: Slot<C>; reason: 'idle for too long' | 'old' }[] = []
  const old: Slot<C>[] = []
  let next = Infinity
  for (const slot of idle) {
    const idleUntil = slot.idleSince + rules.idleTimeoutMs
    const isSpare = total - close.length > rules.min
    if (slot.expiresAt <= now) close.push({ slot, reason: 'old' })
    else if (isSpare && idleUntil <= now) close.push({ slot, reason: 'idle for too long' })
    else next = Math.min(next, slot.expiresAt, isSpare ? idleUntil : Infinity)
  }
  for (const slot of slots) {
    if (slot.state === 'idle' || slot.isOld) continue
    if (slot.expiresAt <= now) old.push(slot)
    else next = Math.min(next, slot.expiresAt)
  }
  return { close, old, nextInMs: next === Infinity ? Infinity : Math.max(next - now, 1) }
}

/** One timer for all upkeep. Being asked for an earlier time moves it; nothing on the way of a lease touches it. */
export class UpkeepTimer {
  readonly #clock: Clock
  readonly #run: () => void
  #at = Infinity
  #cancel: Cancel | null = null

  constructor(clock: Clock, run: () => void) {
    this.#clock = clock
    this.#run = run
  }

  within(delayMs: number, now: number = this.#clock.now()): void {
    const at = now + delayMs
    if (at >= this.#at) return
    this.stop()
    if (delayMs === Infinity) return
    this.#at = at
    this.#cancel = this.#clock.after(delayMs, () => {
      this.stop()
      this.#run()
    })
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#at = Infinity
  }
}
