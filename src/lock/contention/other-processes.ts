import { Precedence } from './precedence.js'
import { YIELD_MS } from './remote-wait.js'

/** The state of the wake-up for a release: not sent before the release is answered, sent with it, or answered. */
type WakeUpState = 'unsent' | 'sent' | 'answered'

/** What this process knows about other processes that want a key which it releases. Created at the first wake-up. */
export class OtherProcesses {
  /** Whether another process was waiting at the last release. */
  #wereWaiting = false
  #wakeUpState: WakeUpState = 'unsent'
  /** The time on the clock until which this process yields; 0 if it does not. */
  #precedenceUntil = 0
  readonly #precedence = new Precedence()

  /** Called before a release is sent. Returns whether to send the wake-up with it: if a process was waiting the last time. */
  notifiesWithRelease(now: number): boolean {
    const isNotifying = this.#wereWaiting && !this.areDoubted(now)
    this.#wakeUpState = isNotifying ? 'sent' : 'unsent'
    return isNotifying
  }

  /**
   * The wake-up of the last release. In strict mode it may be `answered` before the release itself: there the answer of a
   * batch is the last of several.
   */
  get wakeUpState(): WakeUpState {
    return this.#wakeUpState
  }

  /** Called when the server has reported whether a process was waiting. */
  notified(areWaiting: boolean): void {
    this.#wereWaiting = areWaiting
    if (this.#wakeUpState === 'sent') this.#wakeUpState = 'answered'
  }

  /**
   * Yields to the others. Otherwise a process that asks again at once would always take the key before they receive the
   * wake-up.
   */
  yieldAfterRelease(now: number): void {
    this.#precedenceUntil = this.#wereWaiting && !this.areDoubted(now) ? now + YIELD_MS : 0
  }

  /** Yields because this process released the key for processes in the server's queue, which are about to get it. */
  yieldToServerQueue(now: number): void {
    this.#precedenceUntil = now + YIELD_MS
  }

  /** Whether this process still yields. */
  havePrecedence(now: number): boolean {
    return now < this.#precedenceUntil
  }

  /** Stops yielding. */
  stopYielding(): void {
    this.#precedenceUntil = 0
  }

  /**
   * Whether to doubt a process that seems to want the key: it has had precedence repeatedly, and has not come. Then the
   * server is not asked about it now.
   */
  areDoubted(now: number): boolean {
    return this.#precedence.isSuspended(now)
  }

  /** This process yielded, the others had time to come, and the key was still free. */
  didNotCome(now: number): void {
    this.#precedence.missed(now)
  }

  /** Another process has the key, or none wants it any more. */
  came(): void {
    this.#precedence.came()
  }
}
