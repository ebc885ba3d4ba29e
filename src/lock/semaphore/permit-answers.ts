import { InvariantError } from '../../base/assert.js'
import type { PermitReply } from '../../dialect/permit-operation.js'
import type { SemaphoreState } from './semaphore-state.js'

/** What a semaphore does about a reply, after it has moved. */
export type PermitReaction =
  | 'wait'
  | 'waitCrowded'
  /** The released permits are gone. */
  | 'releaseConfirmed'
  /** No other process wants permits any more. */
  | 'confirmPrecedence'
  /** At the release, other processes were waiting for a wake-up. */
  | 'othersListen'
  | 'notify'
  /** This process yields. */
  | 'yield'
  /** Other processes are in the server's queue, which wakes them. */
  | 'serverQueueGoesFirst'
  /**
   * Callers here may wait for the very permits that were just released, and no other process will send a wake-up for
   * them.
   */
  | 'lookAgain'

export interface PermitConsequence {
  readonly to: SemaphoreState
  readonly react: readonly PermitReaction[]
}

type Row = Readonly<Partial<Record<PermitReply['said'] | 'doubted', PermitConsequence>>>

/** The states in which something is on the wire. */
export type AskingState = 'taking' | 'queued' | 'polling' | 'releasing' | 'yielding' | 'leaving'

/**
 * What each reply means in each state that has something on the wire. Together with `nextSemaphoreStep` it is the whole
 * machine. The permits that were granted, and their holders, are handled elsewhere. `doubted`: other processes seem to
 * want permits, and have failed to come repeatedly.
 */
export const PERMIT_CONSEQUENCES: Readonly<Record<AskingState, Row>> = {
  taking: { done: { to: 'idle', react: [] } },
  queued: { done: { to: 'idle', react: [] }, free: { to: 'idle', react: [] } },
  polling: {
    done: { to: 'idle', react: [] },
    waiting: { to: 'waiting', react: ['wait'] },
    crowded: { to: 'waiting', react: ['waitCrowded'] },
  },
  releasing: {
    done: { to: 'idle', react: ['releaseConfirmed', 'confirmPrecedence'] },
    wanted: { to: 'idle', react: ['releaseConfirmed', 'othersListen', 'notify', 'yield'] },
    doubted: { to: 'idle', react: ['releaseConfirmed'] },
    awaited: { to: 'idle', react: ['releaseConfirmed', 'serverQueueGoesFirst', 'yield'] },
  },
  yielding: {
    done: { to: 'waiting', react: ['releaseConfirmed', 'confirmPrecedence', 'lookAgain'] },
    wanted: { to: 'waiting', react: ['releaseConfirmed', 'othersListen', 'notify', 'yield'] },
    doubted: { to: 'waiting', react: ['releaseConfirmed', 'lookAgain'] },
    awaited: { to: 'waiting', react: ['releaseConfirmed', 'serverQueueGoesFirst', 'yield'] },
  },
  leaving: { done: { to: 'idle', react: [] } },
}

/**
 * Pure: what follows from a reply.
 *
 * @throws {InvariantError} for a reply that this state does not have, or if nothing was asked
 */
export function consequenceOfReply(
  state: SemaphoreState,
  said: PermitReply['said'],
  doubtsRegistrations: boolean,
): PermitConsequence {
  const row: Row | undefined = (PERMIT_CONSEQUENCES as Partial<Record<SemaphoreState, Row>>)[state]
  const isDoubtful = doubtsRegistrations && (said === 'wanted' || said === 'awaited')
  const found = row?.[isDoubtful ? 'doubted' : said]
  if (found === undefined)
    throw new InvariantError(`a semaphore in ${state} got the reply ${JSON.stringify(said)}`)
  return found
}
