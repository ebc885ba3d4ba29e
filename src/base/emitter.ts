/** An interface from event names to the one argument of their listeners. */
type EventMap<E> = { [Name in keyof E]: unknown }

/** Called at once, with the data of the event. */
export type Listener<T> = (event: T) => void

/**
 * Typed events. A listener that throws cannot hurt the emitter: its error is rethrown from a microtask, where it
 * reaches the process as any uncaught error does. Unlike Node's emitter, an `error` without a listener ends nothing.
 */
export class Emitter<E extends EventMap<E>> {
  /** Replaced as a whole when one is added or removed, so an event in progress reaches the listeners it started with. */
  readonly #listeners = new Map<keyof E, readonly Listener<never>[]>()

  on<Name extends keyof E>(name: Name, listener: Listener<E[Name]>): void {
    const listeners = this.#listeners.get(name) ?? []
    if (!listeners.includes(listener)) this.#listeners.set(name, [...listeners, listener])
  }

  off<Name extends keyof E>(name: Name, listener: Listener<E[Name]>): void {
    const left = (this.#listeners.get(name) ?? []).filter((each) => each !== listener)
    if (left.length === 0) this.#listeners.delete(name)
    else this.#listeners.set(name, left)
  }

  /** Lets a hot path skip building an event without listeners. */
  hasListener(name: keyof E): boolean {
    return this.#listeners.has(name)
  }

  emit<Name extends keyof E>(name: Name, event: E[Name]): void {
    const listeners = this.#listeners.get(name)
    if (listeners === undefined) return
    for (const listener of listeners) {
      try {
        ;(listener as Listener<E[Name]>)(event)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
