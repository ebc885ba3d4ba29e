import type { OperationKind } from '../../dialect/lock-operation.js'

/** How a wait in line ended: nobody was there, somebody was, or the turn did not come. */
export type LineEnd = 'free' | 'come' | 'late'

/**
 * After so long without a turn it is listened for, as long again: then somebody has it for long, or is in the way. Where very
 * many stand in line it takes long as well, and places are lost on the way; but so would every other way of waiting.
 */
const HOPELESS_MS = 4000
const REST_MS = 5000

/** Whoever had to wait in line stands in line again at once, for so long: it is known that others want the key. */
const BUSY_MS = 2000

/**
 * Who had it soon after a wait for another process is likely to wait for it again, and not for long: then it is worth a
 * place in line. One that is held for long is better listened for.
 */
const QUICK_MS = 2000

/** Who has so little time left does not stand in line, which is told of its end less promptly. */
const LEAST_MS = 5

/**
 * The server gives a key to those in its queue before anybody else comes, so who only listens would never have it. After so
 * long a time in which others listened, nobody stands in line for a while, and all are equal.
 */
const PATIENT_MS = 1000
const BREAK_MS = 250

/** Longer without a word of those who listen, and there are none. */
const FORGOTTEN_MS = 1000

/** Whether a wait that ended with this attempt, after so long, was one of those. */
export function wasQuick(kind: OperationKind, waitedMs: number): boolean {
  return (kind === 'retry' || kind === 'poll') && waitedMs < QUICK_MS
}

/** Whether who has so much time left has enough of it to stand in line. */
export function hasTimeForLine(leftMs: number): boolean {
  return leftMs >= LEAST_MS
}

/**
 * Whether it is worth standing in line for a key, in the queue of the server: that gives it to those who wait there one
 * after the other, in the order in which they came, and wakes nobody else.
 */
export class PlaceInLine {
  readonly #aloneAfter: number
  /** The first place of those in a row that were lost; null if there was a turn since. */
  #lateSince: number | null = null
  /** Turns that were had at once, in a row. */
  #free = 0
  #restsUntil = 0
  #busyUntil = 0
  /** Others have been listening since then, and were heard of last. */
  #listenedSince = -Infinity
  #listenedAt = -Infinity

  /** After so many turns in a row that were had at once nobody else wants it any more. */
  constructor(aloneAfter: number) {
    this.#aloneAfter = aloneAfter
  }

  /** Others wanted it a moment ago, and it has not been in vain to wait in line for it. */
  isBusy(now: number): boolean {
    return now < this.#busyUntil && now >= this.#restsUntil
  }

  /** Others have been found to want it now. */
  seen(now: number): void {
    this.#busyUntil = now + BUSY_MS
  }

  /** When it was given up, others were listening for it. */
  othersListen(now: number): void {
    if (now - this.#listenedAt > FORGOTTEN_MS) this.#listenedSince = now
    this.#listenedAt = now
    if (now - this.#listenedSince < PATIENT_MS || !this.isBusy(now)) return
    this.#listenedAt = -Infinity
    this.#restsUntil = now + BREAK_MS
  }

  ended(turn: LineEnd, now: number): void {
    if (turn === 'late') return this.#lost(now)
    this.#lateSince = null
    this.#free = turn === 'free' ? this.#free + 1 : 0
    if (this.#free === 0) this.seen(now)
    else if (this.#free >= this.#aloneAfter) this.#busyUntil = 0
  }

  #lost(now: number): void {
    this.#lateSince ??= now
    if (now - this.#lateSince < HOPELESS_MS) return
    this.#lateSince = null
    this.#restsUntil = now + REST_MS
  }
}
