/** A bug in lockpool, never the caller's. No code catches it: it is meant to be seen and reported. */
export class InvariantError extends Error {
  static {
    this.prototype.name = 'InvariantError'
  }
}

export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new InvariantError(claim)
}

/**
 * For state machines: throws unless `moves` allows the change. It calls `who.toString()` only to throw, because a name is
 * costly to make and state changes are frequent.
 */
export function assertMove<State extends string>(
  moves: Readonly<Record<State, readonly State[]>>,
  from: State,
  to: State,
  who: { toString(): string },
): void {
  if (!moves[from].includes(to)) throw new InvariantError(`${who.toString()}: ${from} -> ${to}`)
}
