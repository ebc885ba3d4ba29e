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
 * For state machines: throws unless `moves` has the arrow. Only then is `who` asked for its name, because names are costly
 * to make and state changes are many.
 */
export function assertMove<State extends string>(
  moves: Readonly<Record<State, readonly State[]>>,
  from: State,
  to: State,
  who: { toString(): string },
): void {
  if (!moves[from].includes(to)) throw new InvariantError(`${who.toString()}: ${from} -> ${to}`)
}
