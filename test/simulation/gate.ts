/**
 * Everything that reaches a process from outside: timers, answers and messages. They wait while the process is stopped. When it
 * continues, timers fire first, as in Node, and then answers and messages arrive in their order.
 */
export class Gate {
  readonly #timers: (() => void)[] = []
  readonly #arrivals: (() => void)[] = []
  readonly #soon: (act: () => void) => void
  #state: 'open' | 'stopped' | 'dead' = 'open'
  #isDraining = false

  /** `soon` calls a function after everything that follows from the previous one. */
  constructor(soon: (act: () => void) => void) {
    this.#soon = soon
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get isDead(): boolean {
    return this.#state === 'dead'
  }

  fire(timer: () => void): void {
    this.#take(this.#timers, timer)
  }

  arrive(message: () => void): void {
    this.#take(this.#arrivals, message)
  }

  /** An answer from outside. The process gets it only while it runs. */
  answered<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => this.arrive(() => resolve(value)),
        (error: unknown) => this.arrive(() => reject(error)),
      )
    })
  }

  stop(): void {
    if (this.#state === 'open') this.#state = 'stopped'
  }

  goOn(): void {
    if (this.#state !== 'stopped') return
    this.#state = 'open'
    this.#drain()
  }

  /** Nothing reaches the process any more. */
  die(): void {
    this.#state = 'dead'
    this.#timers.length = this.#arrivals.length = 0
  }

  #take(queue: (() => void)[], act: () => void): void {
    if (this.#state === 'dead') return
    if (this.#state === 'open' && !this.#isDraining) return act()
    queue.push(act)
  }

  #drain(): void {
    if (this.#state !== 'open' || this.#isDraining) return
    const next = this.#timers.shift() ?? this.#arrivals.shift()
    if (next === undefined) return
    this.#isDraining = true
    next()
    this.#soon(() => {
      this.#isDraining = false
      this.#drain()
    })
  }
}
