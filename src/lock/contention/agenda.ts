/** Something whose facts an event may change, and which then takes its steps. */
export interface Dirty {
  /** Where it is on the agenda; null if it is not. Only the agenda writes it. */
  nextDirty: Dirty | null
  /** Takes steps until there is nothing more to do now. */
  advance(): void
}

/** Behind the last one that is on the agenda. */
const END: Dirty = { nextDirty: null, advance: () => undefined }

/**
 * Events run to completion. An outside event (a call, an answer, a wake-up, a timer, a loss) first changes facts; then
 * everything whose facts have changed takes its steps, once; and only then is the code of users called: listeners,
 * subscribers, and whatever hangs on an abort signal. So none of that code ever runs in the middle of a walk, and what it
 * does is an event of its own.
 */
export class Agenda {
  #isOpen = false
  #isTelling = false
  // Links in the things themselves: an array would be filled and emptied at every event.
  #first: Dirty = END
  #last: Dirty = END
  readonly #effects: (() => void)[] = []

  /** Runs the event, or a part of the one that is under way. */
  run<T>(event: () => T): T {
    const isOutermost = this.begin()
    try {
      return event()
    } finally {
      if (isOutermost) this.end()
    }
  }

  /** As `run`, without a closure: if it answers true, `end` must follow, whatever happens in between. */
  begin(): boolean {
    if (this.#isOpen) return false
    this.#isOpen = true
    return true
  }

  end(): void {
    this.#drain()
    if (this.#effects.length > 0) this.#tell()
  }

  /** Its facts have changed. Outside an event that is one by itself. */
  touch(item: Dirty): void {
    if (item.nextDirty === null) {
      item.nextDirty = END
      if (this.#first === END) this.#first = item
      else this.#last.nextDirty = item
      this.#last = item
    }
    if (!this.#isOpen) this.end()
  }

  /** Calls `effect`, which may run anybody's code, when the event is over; in the order in which they come. */
  tell(effect: () => void): void {
    this.#effects.push(effect)
    if (!this.#isOpen) this.#tell()
  }

  #drain(): void {
    this.#isOpen = true
    try {
      // Steps may change the facts of others, which come behind.
      while (this.#first !== END) {
        const item = this.#first
        this.#first = item.nextDirty!
        item.nextDirty = null
        item.advance()
      }
    } finally {
      this.#isOpen = false
    }
  }

  #tell(): void {
    // What is told may be an event, with effects of its own: they come behind those that are there.
    if (this.#isTelling) return
    this.#isTelling = true
    const effects = this.#effects
    let done = 0
    try {
      while (done < effects.length) effects[done++]!()
    } finally {
      effects.splice(0, done)
      this.#isTelling = false
    }
  }
}
