import { InvariantError } from '../../base/assert.js'
import type { PermitReply } from '../../dialect/permit-operation.js'
import type { SemaphoreState } from './semaphore-state.js'

/** What a semaphore does about a reply, after it has moved. */
export type PermitReaction =
  | 'wait'
  | 'waitCrowded'
  /** The released permits are gone. */
  | 'gaveUp'
  /** No other process wants permits any more. */
  | 'trustOthers'
  /** At the release, other processes were waiting for a wake-up. */
  | 'othersListen'
  | 'notify'
  /** This process yields. */
  | 'yield'
  /** Other processes are in the server's queue, which wakes them. */
  | 'lineGoesFirst'
  /**
   * Callers here may wait for the very permits that were just released, and no other process will send a wake-up for
   * them.
   */
  | 'lookAgain'

export interface AfterPermits {
  readonly to: SemaphoreState
  readonly react: readonly PermitReaction[]
}

type Row = Readonly<Partial<Record<PermitReply['said'] | 'doubted', AfterPermits>>>

/** The states in which something is on the wire. */
export type AskingState = 'taking' | 'queued' | 'polling' | 'releasing' | 'yielding' | 'leaving'

/**
 * What each reply means in each state that has something on the wire. Together with `nextSemaphoreStep` it is the whole
 * machine. The permits that were granted, and their holders, are handled elsewhere. `doubted`: other processes seem to
 * want permits, and have failed to come repeatedly.
 */
export const AFTER_PERMITS: Readonly<Record<AskingState, Row>> = {
  taking: { done: { to: 'idle', react: [] } },
  queued: { done: { to: 'idle', react: [] }, free: { to: 'idle', react: [] } },
  polling: {
    done: { to: 'idle', react: [] },
    waiting: { to: 'waiting', react: ['wait'] },
    crowded: { to: 'waiting', react: ['waitCrowded'] },
  },
  releasing: {
    done: { to: 'idle', react: ['gaveUp', 'trustOthers'] },
    wanted: { to: 'idle', react: ['gaveUp', 'othersListen', 'notify', 'yield'] },
    doubted: { to: 'idle', react: ['gaveUp'] },
    awaited: { to: 'idle', react: ['gaveUp', 'lineGoesFirst', 'yield'] },
  },
  yielding: {
    done: { to: 'waiting', react: ['gaveUp', 'trustOthers', 'lookAgain'] },
    wanted: { to: 'waiting', react: ['gaveUp', 'othersListen', 'notify', 'yield'] },
    doubted: { to: 'waiting', react: ['gaveUp', 'lookAgain'] },
    awaited: { to: 'waiting', react: ['gaveUp', 'lineGoesFirst', 'yield'] },
  },
  leaving: { done: { to: 'idle', react: [] } },
}

/**
 * Pure: what follows from a reply.
 *
 * @throws {InvariantError} for a reply that this state does not have, or if nothing was asked
 */
export function afterReply(
  state: SemaphoreState,
  said: PermitReply['said'],
  doubtsOthers: boolean,
): AfterPermits {
  const row: Row | undefined = (AFTER_PERMITS as Partial<Record<SemaphoreState, Row>>)[state]
  const isDoubtful = doubtsOthers && (said === 'wanted' || said === 'awaited')
  const found = row?.[isDoubtful ? 'doubted' : said]
  if (found === undefined)
    throw new InvariantError(`a semaphore in ${state} got the reply ${JSON.stringify(said)}`)
  return found
}
