import { GIVE_WAY_MS } from './sleep.js'

/** The ring for a release: not sent before the release is answered, sent right behind it, or answered. */
type Ring = 'unsent' | 'sent' | 'answered'

/** What a process knows of the others that want a key which it gives up. Made when it is first rung for. */
export class Others {
  /** When the key was last rung for. */
  #wereThere = false
  #ring: Ring = 'unsent'
  /** On the clock; 0 if there is nobody. */
  #goFirstUntil = 0

  /** A release is about to be sent. Whether it is to be rung for right behind: it was wanted the last time. */
  releasing(): boolean {
    this.#ring = this.#wereThere ? 'sent' : 'unsent'
    return this.#wereThere
  }

  /**
   * Of the last release. In strict mode it may be `answered` before the release itself is: there the answer of a batch is
   * the last of several.
   */
  get ring(): Ring {
    return this.#ring
  }

  /** The server has said whether anybody was there to hear it. */
  rang(areThere: boolean): void {
    this.#wereThere = areThere
    if (this.#ring === 'sent') this.#ring = 'answered'
  }

  /** Who is quick to ask again would have the key before they have heard the bell, and again, and again. */
  letGoFirst(now: number): void {
    this.#goFirstUntil = this.#wereThere ? now + GIVE_WAY_MS : 0
  }

  /** Whether they are still to be let go first. */
  goFirst(now: number): boolean {
    return now < this.#goFirstUntil
  }

  /** They are not waited for any longer. */
  forget(): void {
    this.#goFirstUntil = 0
  }
}
