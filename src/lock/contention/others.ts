import { Precedence } from './precedence.js'
import { YIELD_MS } from './remote-wait.js'

/** The state of the wake-up for a release: not sent before the release is answered, sent with it, or answered. */
type Ring = 'unsent' | 'sent' | 'answered'

/** What this process knows about other processes that want a key which it releases. Created at the first wake-up. */
export class Others {
  /** Whether another process was waiting at the last release. */
  #wereThere = false
  #ring: Ring = 'unsent'
  /** The time on the clock until which this process yields; 0 if it does not. */
  #goFirstUntil = 0
  readonly #courtesy = new Precedence()

  /** Called before a release is sent. Returns whether to send the wake-up with it: if a process was waiting the last time. */
  releasing(now: number): boolean {
    const rings = this.#wereThere && !this.areDoubted(now)
    this.#ring = rings ? 'sent' : 'unsent'
    return rings
  }

  /**
   * The wake-up of the last release. In strict mode it may be `answered` before the release itself: there the answer of a
   * batch is the last of several.
   */
  get ring(): Ring {
    return this.#ring
  }

  /** Called when the server has reported whether a process was waiting. */
  rang(areThere: boolean): void {
    this.#wereThere = areThere
    if (this.#ring === 'sent') this.#ring = 'answered'
  }

  /**
   * Yields to the others. Otherwise a process that asks again at once would always take the key before they receive the
   * wake-up.
   */
  letGoFirst(now: number): void {
    this.#goFirstUntil = this.#wereThere && !this.areDoubted(now) ? now + YIELD_MS : 0
  }

  /** Yields because this process released the key for processes in the server's queue, which are about to get it. */
  stoodInLine(now: number): void {
    this.#goFirstUntil = now + YIELD_MS
  }

  /** Whether this process still yields. */
  goFirst(now: number): boolean {
    return now < this.#goFirstUntil
  }

  /** Stops yielding. */
  forget(): void {
    this.#goFirstUntil = 0
  }

  /**
   * Whether to doubt a process that seems to want the key: it has had precedence repeatedly, and has not come. Then the
   * server is not asked about it now.
   */
  areDoubted(now: number): boolean {
    return this.#courtesy.isResting(now)
  }

  /** This process yielded, the others had time to come, and the key was still free. */
  cameNot(now: number): void {
    this.#courtesy.wasInVain(now)
  }

  /** Another process has the key, or none wants it any more. */
  came(): void {
    this.#courtesy.wasRight()
  }
}
