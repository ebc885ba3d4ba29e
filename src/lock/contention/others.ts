import { Courtesy } from './courtesy.js'
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
  readonly #courtesy = new Courtesy()

  /** A release is about to be sent. Whether it is to be rung for right behind: it was wanted the last time. */
  releasing(now: number): boolean {
    const rings = this.#wereThere && !this.areDoubted(now)
    this.#ring = rings ? 'sent' : 'unsent'
    return rings
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
    this.#goFirstUntil = this.#wereThere && !this.areDoubted(now) ? now + GIVE_WAY_MS : 0
  }

  /** It was given up for those who stand in line at the server, who are on their way. */
  stoodInLine(now: number): void {
    this.#goFirstUntil = now + GIVE_WAY_MS
  }

  /** Whether they are still to be let go first. */
  goFirst(now: number): boolean {
    return now < this.#goFirstUntil
  }

  /** They are not waited for any longer. */
  forget(): void {
    this.#goFirstUntil = 0
  }

  /** Somebody is said to want the key, has been let go first again and again, and has not come: that is not asked about now. */
  areDoubted(now: number): boolean {
    return this.#courtesy.isResting(now)
  }

  /** They were let go first, had the time to come, and it was still free. */
  cameNot(now: number): void {
    this.#courtesy.wasInVain(now)
  }

  /** One of them has it, or nobody wants it any more. */
  came(): void {
    this.#courtesy.wasRight()
  }
}
