import { InvariantError } from '../../base/assert.js'

/** The states that every machine has. Interest is set in `waiting`; in `inLine` its session waits in the server. */
export type CommonState = 'idle' | 'waiting' | 'inLine'

/** A state, and what it means to all that is contended for. */
export interface Stand<State extends string> {
  readonly state: State
  /** Every state that it may move to. */
  readonly next: readonly State[]
  /** Interest is, or may be, set in the server. */
  readonly hasInterest: boolean
  /** It is never entered without a session. */
  readonly needsSession: boolean
  /** Another process has what is wanted. */
  readonly isAsleep: boolean
}

/** The states of something that is contended for, and its moves. */
export class Machine<State extends string> {
  readonly #stands: ReadonlyMap<State, Stand<State>>

  constructor(
    moves: Readonly<Record<State, readonly State[]>>,
    states: {
      readonly withInterest: readonly State[]
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
          hasInterest: states.withInterest.includes(state),
          needsSession: !states.withoutSession.includes(state),
          isAsleep: state === 'waiting',
        },
      ]),
    )
  }

  of(state: State): Stand<State> {
    return this.#stands.get(state)!
  }

  /** Throws unless there is such a move, and what the new state needs. Only then `who` makes its name, which is costly. */
  assertMove(from: Stand<State>, to: Stand<State>, hasSession: boolean, who: { toString(): string }): void {
    if (!from.next.includes(to.state))
      throw new InvariantError(`${who.toString()}: ${from.state} -> ${to.state}`)
    if (!hasSession && to.needsSession)
      throw new InvariantError(`${who.toString()}: ${to.state} without a session`)
  }
}
