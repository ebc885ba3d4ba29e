/** Something whose facts an event may change, and which then takes its steps. */
export interface AgendaItem {
  /** The next item on the agenda; null if this one is not on it. Only the agenda writes it. */
  nextItem: AgendaItem | null
  /** Takes steps until nothing more can be done now. */
  advance(): void
}

/** Marks the end of the agenda. */
const END: AgendaItem = { nextItem: null, advance: () => undefined }

/**
 * Events run to completion. An outside event (a call, an answer, a wake-up, a timer, a loss) first changes facts. Then
 * each item whose facts have changed takes its steps, once. Only then does user code run: listeners, subscribers, and
 * handlers of abort signals. So user code never runs in the middle of an event, and a call that it makes is an event of
 * its own.
 */
export class Agenda {
  #isOpen = false
  #isRunningEffects = false
  // Links in the items themselves: an array would be filled and emptied at every event.
  #first: AgendaItem = END
  #last: AgendaItem = END
  readonly #effects: (() => void)[] = []

  /** Runs an event, or a part of the current one. */
  run<T>(event: () => T): T {
    const isOutermost = this.begin()
    try {
      return event()
    } finally {
      if (isOutermost) this.end()
    }
  }

  /** Like `run`, without a closure: if it returns true, the caller must call `end`, whatever happens in between. */
  begin(): boolean {
    if (this.#isOpen) return false
    this.#isOpen = true
    return true
  }

  end(): void {
    this.#drain()
    if (this.#effects.length > 0) this.#runEffects()
  }

  /** The item's facts have changed. Outside an event, this is a separate event. */
  touch(item: AgendaItem): void {
    if (item.nextItem === null) {
      item.nextItem = END
      if (this.#first === END) this.#first = item
      else this.#last.nextItem = item
      this.#last = item
    }
    if (!this.#isOpen) this.end()
  }

  /** Calls `effect`, which may run user code, at the end of the event. Effects run in the order of their calls. */
  defer(effect: () => void): void {
    this.#effects.push(effect)
    if (!this.#isOpen) this.#runEffects()
  }

  #drain(): void {
    this.#isOpen = true
    try {
      // Steps may change the facts of other items, which are then appended.
      while (this.#first !== END) {
        const item = this.#first
        this.#first = item.nextItem!
        item.nextItem = null
        item.advance()
      }
    } finally {
      this.#isOpen = false
    }
  }

  #runEffects(): void {
    // An effect may start an event that has further effects. They are appended.
    if (this.#isRunningEffects) return
    this.#isRunningEffects = true
    const effects = this.#effects
    let done = 0
    try {
      while (done < effects.length) effects[done++]!()
    } finally {
      effects.splice(0, done)
      this.#isRunningEffects = false
    }
  }
}
