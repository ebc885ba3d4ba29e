import { InvariantError } from '../../base/assert.js'
import type { PermitReply } from '../../dialect/permit-operation.js'
import type { SemaphoreState } from './semaphore-state.js'

/** What a semaphore does about a reply, after it has moved. */
export type PermitReaction =
  | 'fallAsleep'
  | 'sleepCrowded'
  /** What was given up is gone. */
  | 'gaveUp'
  /** Others that permits were given up for are not doubted any more. */
  | 'trustOthers'
  /** When permits were given up, others had asked to be woken. */
  | 'othersListen'
  | 'ring'
  /** Others have the time to come. */
  | 'giveWay'
  /** Others stand in line at the server, which wakes them. */
  | 'lineGoesFirst'
  /** What callers here wait for may be the very permits that were given up, and no other process rings for them. */
  | 'lookAgain'

export interface AfterPermits {
  readonly to: SemaphoreState
  readonly react: readonly PermitReaction[]
}

type Row = Readonly<Partial<Record<PermitReply['said'] | 'doubted', AfterPermits>>>

/** The states in which something is on the wire. */
export type AskingState = 'taking' | 'inLine' | 'asking' | 'releasing' | 'yielding' | 'leaving'

/**
 * What each reply means in each state that has something on the wire. With `nextSemaphoreStep` it is the whole machine. What
 * was taken, and who gets it, is another matter. `doubted`: others are said to want permits, and have not come again and
 * again.
 */
export const AFTER_PERMITS: Readonly<Record<AskingState, Row>> = {
  taking: { done: { to: 'idle', react: [] } },
  inLine: { done: { to: 'idle', react: [] }, free: { to: 'idle', react: [] } },
  asking: {
    done: { to: 'idle', react: [] },
    waiting: { to: 'waiting', react: ['fallAsleep'] },
    crowded: { to: 'waiting', react: ['sleepCrowded'] },
  },
  releasing: {
    done: { to: 'idle', react: ['gaveUp', 'trustOthers'] },
    wanted: { to: 'idle', react: ['gaveUp', 'othersListen', 'ring', 'giveWay'] },
    doubted: { to: 'idle', react: ['gaveUp'] },
    awaited: { to: 'idle', react: ['gaveUp', 'trustOthers', 'lineGoesFirst', 'giveWay'] },
  },
  yielding: {
    done: { to: 'waiting', react: ['gaveUp', 'trustOthers', 'lookAgain'] },
    wanted: { to: 'waiting', react: ['gaveUp', 'othersListen', 'ring', 'giveWay'] },
    doubted: { to: 'waiting', react: ['gaveUp', 'lookAgain'] },
    awaited: { to: 'waiting', react: ['gaveUp', 'trustOthers', 'lineGoesFirst', 'giveWay'] },
  },
  leaving: { done: { to: 'idle', react: [] } },
}

/**
 * Pure: what comes of a reply.
 *
 * @throws {InvariantError} for a reply that this state does not have, or if nothing was asked
 */
export function afterReply(
  state: SemaphoreState,
  said: PermitReply['said'],
  doubtsOthers: boolean,
): AfterPermits {
  const row: Row | undefined = (AFTER_PERMITS as Partial<Record<SemaphoreState, Row>>)[state]
  const found = row?.[said === 'wanted' && doubtsOthers ? 'doubted' : said]
  if (found === undefined)
    throw new InvariantError(`a semaphore in ${state} was told ${JSON.stringify(said)}`)
  return found
}
