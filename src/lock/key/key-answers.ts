import { InvariantError } from '../../base/assert.js'
import { SAID, type Answer, type OperationKind } from '../../dialect/lock-operation.js'
import type { KeyState } from './key-state.js'

/** What an entry learns from an answer, before it moves. */
export type Lesson =
  /** The key was not free: the next attempt sets interest first. */
  | 'contended'
  /** Other processes want it now: it is worth a place in line. */
  | 'hot'
  /** When it was given up, others had asked to be woken. */
  | 'othersListen'
  /** The process that it was given up for has come, or there is none. */
  | 'othersCame'
  /** It was rung for, and another process was quicker. */
  | 'raceLost'
  /** The mark of a local writer is set, or is not any more. */
  | 'marked'
  | 'unmarked'
  /** A writer elsewhere waits: no more readers may join. */
  | 'draining'
  /** Others stand in line at the server, and are on their way. */
  | 'lineGoesFirst'

/** What an entry does about an answer, after it has moved. */
export type Reaction =
  | 'ring'
  /** As `ring`, unless it was rung for behind the release. */
  | 'ringForOthers'
  | 'fallAsleep'
  | 'sleepCrowded'
  | 'giveWay'
  /** Others are said to want it, and have not come again and again: it is tried for at once. */
  | 'lookAgain'
  /** The release is confirmed. */
  | 'gaveUp'
  | 'notHeld'
  /** Callers without patience leave. */
  | 'refuse'

/** `ours` is the state for a key that is ours; `asBefore` is `held` if it is ours, and `idle` if not. */
export type Target = KeyState | 'ours' | 'asBefore'

export interface After {
  readonly learn: readonly Lesson[]
  readonly to: Target
  readonly react: readonly Reaction[]
}

/** Somebody is said to want the key, has been let go first again and again, and has not come: a variant of an answer. */
const DOUBTED = 'doubted'

type Row = Readonly<Record<string, After>>

const GRANTED: After = { learn: [], to: 'ours', react: [] }

const ASLEEP: Row = {
  [SAID.granted]: GRANTED,
  [SAID.waiting]: { learn: [], to: 'waiting', react: ['fallAsleep', 'refuse'] },
  [SAID.crowded]: { learn: [], to: 'waiting', react: ['sleepCrowded', 'refuse'] },
}

const QUEUED: After = { learn: [], to: 'waiting', react: ['giveWay', 'refuse'] }

const JOINING: Row = {
  [SAID.granted]: GRANTED,
  [SAID.no]: { learn: ['draining'], to: 'held', react: ['fallAsleep', 'refuse'] },
}

const RELEASED: Row = {
  [SAID.done]: { learn: ['othersCame'], to: 'idle', react: ['gaveUp'] },
  [SAID.doneAndWanted]: { learn: ['othersListen'], to: 'ringing', react: ['ringForOthers', 'gaveUp'] },
  [DOUBTED]: { learn: [], to: 'idle', react: ['gaveUp'] },
  [SAID.no]: { learn: [], to: 'idle', react: ['notHeld'] },
}

const YIELDED: After = { learn: ['othersListen'], to: 'waiting', react: ['ring', 'gaveUp', 'giveWay'] }

/**
 * What each answer to each question means. With `nextStep` it is the whole machine: that says what is asked in a state, and
 * this what comes of it. What is not here is never answered.
 */
export const AFTER: Readonly<Record<OperationKind, Row>> = {
  try: {
    [SAID.granted]: GRANTED,
    [SAID.no]: { learn: ['contended'], to: 'idle', react: ['refuse'] },
  },
  // Callers whose time is up are told who has it, and so not refused at once.
  lineUp: {
    [SAID.granted]: GRANTED,
    [SAID.free]: GRANTED,
    [SAID.no]: { learn: ['contended'], to: 'idle', react: [] },
  },
  wait: ASLEEP,
  queue: { [SAID.waiting]: QUEUED, [SAID.crowded]: QUEUED },
  retry: {
    [SAID.granted]: GRANTED,
    [SAID.no]: {
      learn: ['othersCame', 'hot', 'raceLost'],
      to: 'waiting',
      react: ['fallAsleep', 'refuse'],
    },
    [SAID.crowded]: {
      learn: ['othersCame', 'hot', 'raceLost'],
      to: 'waiting',
      react: ['sleepCrowded', 'refuse'],
    },
  },
  poll: {
    [SAID.granted]: GRANTED,
    [SAID.no]: { learn: ['othersCame'], to: 'waiting', react: ['fallAsleep', 'refuse'] },
    [SAID.crowded]: { learn: ['othersCame'], to: 'waiting', react: ['sleepCrowded', 'refuse'] },
  },
  join: JOINING,
  rejoin: JOINING,
  mark: {
    [SAID.done]: { learn: ['marked'], to: 'asBefore', react: [] },
    [SAID.doneAndWanted]: { learn: ['marked'], to: 'asBefore', react: ['ring'] },
  },
  unmark: {
    [SAID.done]: { learn: ['unmarked'], to: 'asBefore', react: [] },
    [SAID.doneAndWanted]: { learn: ['unmarked'], to: 'asBefore', react: ['ring'] },
  },
  leave: {
    [SAID.done]: { learn: [], to: 'idle', react: [] },
    [SAID.doneAndWanted]: { learn: [], to: 'idle', react: ['ring'] },
  },
  release: RELEASED,
  relinquish: RELEASED,
  yield: {
    [SAID.granted]: GRANTED,
    [SAID.no]: { learn: [], to: 'idle', react: ['notHeld'] },
    [SAID.done]: { learn: ['hot', 'lineGoesFirst'], to: 'idle', react: ['gaveUp'] },
    [SAID.waiting]: YIELDED,
    [SAID.crowded]: YIELDED,
    [DOUBTED]: { learn: [], to: 'waiting', react: ['gaveUp', 'giveWay', 'lookAgain'] },
  },
}

/** Answers that say that another process wants the key. */
const SAYS_WANTED: Readonly<Partial<Record<OperationKind, readonly Answer[]>>> = {
  release: [SAID.doneAndWanted],
  relinquish: [SAID.doneAndWanted],
  yield: [SAID.waiting, SAID.crowded],
}

/**
 * Pure: what comes of an answer. `doubtsOthers`: other processes that are said to want the key are not believed now.
 *
 * @throws {InvariantError} for an answer that this question does not have
 */
export function after(kind: OperationKind, answer: Answer, doubtsOthers: boolean): After {
  const isDoubtful = doubtsOthers && SAYS_WANTED[kind]?.includes(answer) === true
  const row = AFTER[kind][isDoubtful ? DOUBTED : answer]
  if (row === undefined) throw new InvariantError(`${kind} was answered with ${JSON.stringify(answer)}`)
  return row
}
