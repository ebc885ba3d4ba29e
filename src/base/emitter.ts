/** An interface of event names to the one thing their listeners are told. */
type EventMap<E> = { [Name in keyof E]: unknown }

/** Called at once, with what there is to tell. */
export type Listener<T> = (event: T) => void

/**
 * Typed events. A listener that throws cannot hurt whoever emits: its error is rethrown from a microtask, where it
 * reaches the process as any uncaught error does. Unlike Node's emitter, an `error` nobody listens to ends nothing.
 */
export class Emitter<E extends EventMap<E>> {
  /** Replaced as a whole when one is added or removed: whoever is being told of an event sees those that were there. */
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

  /** Lets a hot path skip building an event nobody will see. */
  hears(name: keyof E): boolean {
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
