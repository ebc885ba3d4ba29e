import type { Cancel, Clock } from './clock.js'

/** Something with a time limit. */
export abstract class Expiring {
  /** When it expires, on the clock of its `Deadlines`, in whole milliseconds: V8 stores an integer without an object. */
  dueAt = 0
  /** The lane that contains it; null if it has expired or was removed. */
  lane: { readonly deadlines: Deadlines } | null = null

  /** Called when its time is over. It may add itself to `deadlines` again. */
  abstract expire(deadlines: Deadlines): void

  callOff(): void {
    this.lane?.deadlines.remove(this)
  }
}

/** All deadlines with the same delay. They expire in the order in which they came, so one timer for the first is enough. */
class Lane {
  readonly deadlines: Deadlines
  readonly delayMs: number
  cancelTimer: Cancel | null = null
  /** Removed deadlines stay in the list until there are many of them, or until they would have expired. */
  line: Expiring[] = []
  calledOff = 0

  constructor(deadlines: Deadlines, delayMs: number) {
    this.deadlines = deadlines
    this.delayMs = delayMs
  }
}

/** How many deadlines may be removed before a queue is cleaned up. */
const FEW = 64

/**
 * Many deadlines with few timers: one per distinct delay, as in Node's own timer lists, but without a timer object per
 * deadline. Adding and removing cost next to nothing. Without deadlines there is no timer.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #lanes = new Map<number, Lane>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Calls `who.expire` once, `delayMs` from `now`, unless it is removed before. Do not add a deadline with `Infinity`. A
   * caller that has just read the clock passes `now`: reading the clock costs as much as the rest of this method.
   */
  add(delayMs: number, who: Expiring, now: number = this.#clock.now()): void {
    let lane = this.#lanes.get(delayMs)
    if (lane === undefined) this.#lanes.set(delayMs, (lane = new Lane(this, delayMs)))
    who.dueAt = Math.ceil(now + delayMs)
    if (lane.cancelTimer === null) this.#arm(lane, who.dueAt - now)
    who.lane = lane
    lane.line.push(who)
  }

  remove(who: Expiring): void {
    const lane = who.lane as Lane | null
    if (lane === null) return
    who.lane = null
    lane.calledOff++
    if (lane.calledOff === lane.line.length) this.#retire(lane)
    else if (lane.calledOff > FEW && lane.calledOff * 2 > lane.line.length) this.#close(lane)
  }

  /** Deletes the removed deadlines from the list. */
  #close(lane: Lane): void {
    lane.line = lane.line.filter((each) => each.lane === lane)
    lane.calledOff = 0
  }

  #arm(lane: Lane, inMs: number): void {
    lane.cancelTimer = this.#clock.after(inMs, () => {
      lane.cancelTimer = null
      this.#expireDue(lane)
    })
  }

  #expireDue(lane: Lane): void {
    const now = this.#clock.now()
    // A timer may fire a little early.
    const later = lane.line.findIndex((each) => each.lane === lane && each.dueAt > now)
    const due = lane.line.splice(0, later < 0 ? lane.line.length : later).filter((each) => each.lane === lane)
    lane.calledOff = lane.line.reduce((sum, each) => (each.lane === lane ? sum : sum + 1), 0)
    if (lane.line.length === lane.calledOff) this.#retire(lane)
    else this.#arm(lane, lane.line.find((each) => each.lane === lane)!.dueAt - now)
    for (const each of due) {
      // A deadline that expired earlier in this loop may have removed it.
      if (each.lane !== lane) continue
      each.lane = null
      each.expire(this)
    }
  }

  #retire(lane: Lane): void {
    lane.cancelTimer?.()
    lane.cancelTimer = null
    lane.line = []
    lane.calledOff = 0
    if (this.#lanes.get(lane.delayMs) === lane) this.#lanes.delete(lane.delayMs)
  }
}
