import type { Holding } from '../../dialect.js'
import { WRITER_SUFFIX } from '../keys/lock-names.js'
import type { RegistrationBook } from '../notify/registration-book.js'

/** What a session should hold, and what it must not hold. */
export interface ReconcilePlan {
  /** Names that it should hold, each with its purpose. */
  readonly expected: readonly { readonly name: string; readonly holding: Holding }[]
  /** Names that it may hold and should not. */
  readonly unwanted: readonly string[]
}

/**
 * What one session holds on the server, as far as it knows. A session can't list its own named locks, so names that a
 * failed statement may have acquired are remembered until `reconcile`.
 */
export class Holdings {
  readonly #held = new Set<string>()
  /** Names that it may hold or not, because a statement that would have acquired them failed. */
  readonly #doubtful = new Set<string>()
  /** For semaphores, by the id of the shape: the name that represents the shape. */
  readonly #shapes = new Map<string, string>()
  /** By the id of a key: the reader slot that the session holds. */
  readonly #slots = new Map<string, string>()
  /** The ids of keys for which the session has announced a waiting writer. */
  readonly #intents = new Set<string>()

  acquired(name: string): void {
    this.#held.add(name)
  }

  released(name: string): void {
    this.#held.delete(name)
  }

  slotOf(id: string): string | null {
    return this.#slots.get(id) ?? null
  }

  acquiredSlot(id: string, name: string): void {
    this.#slots.set(id, name)
  }

  releasedSlot(id: string): void {
    this.#slots.delete(id)
  }

  hasIntent(id: string): boolean {
    return this.#intents.size > 0 && this.#intents.has(id)
  }

  setIntent(id: string): void {
    this.#intents.add(id)
  }

  clearIntent(id: string): void {
    if (this.#intents.size > 0) this.#intents.delete(id)
  }

  shapeOf(id: string): string | null {
    return this.#shapes.get(id) ?? null
  }

  acquiredShape(id: string, name: string): void {
    this.#shapes.set(id, name)
  }

  releasedShape(id: string): void {
    this.#shapes.delete(id)
  }

  /** A statement about these names has failed, and may have run in part. */
  doubt(names: Iterable<string>): void {
    for (const name of names) this.#doubtful.add(name)
  }

  planReconcile(expected: readonly Holding[], registrations: RegistrationBook): ReconcilePlan {
    const wanted = new Map<string, Holding>()
    const missing: { name: string; holding: Holding }[] = []
    for (const holding of expected) {
      const { key, what } = holding
      if (what === 'exclusive') wanted.set(key.id, holding)
      else if (what === 'shared') {
        const shared = this.#shapes.get(key.id) ?? this.#slots.get(key.id)
        if (shared !== undefined) wanted.set(shared, holding)
        // A shape that other sessions represent is not missing. A name that is not a shape is missing.
        else if (!isShape(key.id)) missing.push({ name: key.id, holding })
      } else {
        const slot = what === 'registration' ? registrations.slotOf(key.id) : null
        if (slot !== null && !this.#doubtful.has(slot)) wanted.set(slot, holding)
        // A waiting writer has both.
        const intent = intentName(key.id)
        if (this.hasIntent(key.id) && !this.#doubtful.has(intent)) wanted.set(intent, holding)
      }
    }
    const slots = [...registrations.names].map((name) => registrations.slotOf(name)!)
    const intents = [...this.#intents].map(intentName)
    const readers = this.#slots.values()
    const all = new Set([
      ...[...this.#held, ...this.#shapes.values(), ...slots],
      ...[...readers, ...intents, ...this.#doubtful],
    ])
    return {
      expected: [...[...wanted].map(([name, holding]) => ({ name, holding })), ...missing],
      unwanted: [...all].filter((name) => !wanted.has(name)),
    }
  }

  /** The server now holds exactly `expected` without `missing`. */
  reconciled(
    { expected }: ReconcilePlan,
    missing: ReadonlySet<string>,
    registrations: RegistrationBook,
  ): void {
    const present = new Set(expected.map(({ name }) => name).filter((name) => !missing.has(name)))
    this.#doubtful.clear()
    for (const name of [...registrations.names])
      if (!present.has(registrations.slotOf(name)!)) registrations.drop(name)
    for (const names of [this.#shapes, this.#slots])
      for (const [id, name] of [...names]) if (!present.has(name)) names.delete(id)
    for (const id of [...this.#intents]) if (!present.has(intentName(id))) this.#intents.delete(id)
    this.#held.clear()
    const registered = [...registrations.names].map((name) => registrations.slotOf(name)!)
    const others = new Set([
      ...[...registered, ...this.#shapes.values()],
      ...[...this.#slots.values(), ...[...this.#intents].map(intentName)],
    ])
    for (const name of present) if (!others.has(name)) this.#held.add(name)
  }
}

function intentName(id: string): string {
  return `${id}${WRITER_SUFFIX}`
}

export function isShape(id: string): boolean {
  return id.includes('=')
}
