import { InvariantError } from '../../base/assert.js'

/**
 * The states that every machine has. In `waiting` the waiter registration is set; in `queued` the session waits in the
 * server's queue.
 */
export type CommonState = 'idle' | 'waiting' | 'queued'

/** A state, and its properties. */
export interface StateInfo<State extends string> {
  readonly state: State
  /** Every state that may follow. */
  readonly next: readonly State[]
  /** The waiter registration is, or may be, set at the server. */
  readonly hasRegistration: boolean
  /** The state is never entered without a session. */
  readonly needsSession: boolean
  /** Another process has it. */
  readonly isWaiting: boolean
}

/** The states of a contended entry, and its moves. */
export class Machine<State extends string> {
  readonly #stands: ReadonlyMap<State, StateInfo<State>>

  constructor(
    moves: Readonly<Record<State, readonly State[]>>,
    states: {
      readonly withRegistration: readonly State[]
      readonly withoutSession: readonly State[]
    },
  ) {
    const all = Object.entries(moves) as [State, readonly State[]][]
    this.#stands = new Map(
      all.map(([state, next]) => [
        state,
        {
          state,
          next,
          hasRegistration: states.withRegistration.includes(state),
          needsSession: !states.withoutSession.includes(state),
          isWaiting: state === 'waiting',
        },
      ]),
    )
  }

  of(state: State): StateInfo<State> {
    return this.#stands.get(state)!
  }

  /**
   * Throws unless the move is legal and the entry meets the precondition of the new state. `who` makes the name only
   * then, because that is costly.
   */
  assertMove(
    from: StateInfo<State>,
    to: StateInfo<State>,
    hasSession: boolean,
    who: { toString(): string },
  ): void {
    if (!from.next.includes(to.state))
      throw new InvariantError(`${who.toString()}: ${from.state} -> ${to.state}`)
    if (!hasSession && to.needsSession)
      throw new InvariantError(`${who.toString()}: ${to.state} without a session`)
  }
}
