import { InvariantError } from '../../base/assert.js'
import { SAID, type Answer, type OperationKind } from '../../dialect/lock-operation.js'
import type { KeyState } from './key-state.js'

/** What an entry learns from an answer, before it moves. */
export type Lesson =
  /** The key was not free: the next attempt sets a waiter registration first. */
  | 'contended'
  /** Other processes want the key now: the server's queue is worth it. */
  | 'hot'
  /** At the release, other processes were waiting for a wake-up. */
  | 'othersListen'
  /** The process with precedence has come, or there is none. */
  | 'othersCame'
  /** After a wake-up, another process was faster. */
  | 'raceLost'
  /** An attempt without a wake-up failed: programs that send none may be waiting for it in the server. */
  | 'pollLost'
  /** The intent of a local writer is set, or was removed. */
  | 'intentSet'
  | 'intentCleared'
  /** A writer in another process waits: no more readers may join. */
  | 'draining'
  /** Other processes are in the server's queue, and are about to get the key. */
  | 'serverQueueGoesFirst'

/** What an entry does about an answer, after it has moved. */
export type Reaction =
  | 'notify'
  /** Like `notify`, unless the wake-up was sent with the release. */
  | 'notifyUnlessSent'
  | 'wait'
  | 'waitCrowded'
  | 'yield'
  /** Other processes seem to want the key, and have failed to come repeatedly: this process tries at once. */
  | 'lookAgain'
  /** The release is confirmed. */
  | 'releaseConfirmed'
  | 'notHeld'
  /** The server does not have what local holders hold. */
  | 'holdersLost'
  /** Callers whose policy is not to wait are refused. */
  | 'refuse'

/**
 * `ours` is the state for a key that this process has; `asBefore` is `held` if this process has the key, and `idle` if
 * not.
 */
export type Target = KeyState | 'ours' | 'asBefore'

export interface Consequence {
  readonly learn: readonly Lesson[]
  readonly to: Target
  readonly react: readonly Reaction[]
}

/** A variant of an answer: another process seems to want the key, has had precedence repeatedly, and has not come. */
const DOUBTED = 'doubted'

type Row = Readonly<Record<string, Consequence>>

const GRANTED: Consequence = { learn: [], to: 'ours', react: [] }

const WAITED: Row = {
  [SAID.granted]: GRANTED,
  [SAID.waiting]: { learn: [], to: 'waiting', react: ['wait', 'refuse'] },
  [SAID.crowded]: { learn: [], to: 'waiting', react: ['waitCrowded', 'refuse'] },
}

const QUEUED: Consequence = { learn: [], to: 'waiting', react: ['yield', 'refuse'] }

const JOINING: Row = {
  [SAID.granted]: GRANTED,
  [SAID.no]: { learn: ['draining'], to: 'held', react: ['wait', 'refuse'] },
}

const RELEASED: Row = {
  [SAID.done]: { learn: ['othersCame'], to: 'idle', react: ['releaseConfirmed'] },
  [SAID.doneAndWanted]: {
    learn: ['othersListen'],
    to: 'notifying',
    react: ['notifyUnlessSent', 'releaseConfirmed'],
  },
  [DOUBTED]: { learn: [], to: 'idle', react: ['releaseConfirmed'] },
  [SAID.no]: { learn: [], to: 'idle', react: ['notHeld'] },
}

const YIELDED: Consequence = {
  learn: ['othersListen'],
  to: 'waiting',
  react: ['notify', 'releaseConfirmed', 'yield'],
}

/**
 * What each answer to each operation means. Together with `nextStep` it is the whole machine: `nextStep` chooses the
 * operation in a state, and this table says what follows from the answer. Answers that are not in the table do not exist.
 */
export const CONSEQUENCES: Readonly<Record<OperationKind, Row>> = {
  try: {
    [SAID.granted]: GRANTED,
    [SAID.no]: { learn: ['contended'], to: 'idle', react: ['refuse'] },
  },
  // Callers whose time is up get an error that names the holder, so they are not refused at once.
  enqueue: {
    [SAID.granted]: GRANTED,
    [SAID.free]: GRANTED,
    [SAID.no]: { learn: ['contended'], to: 'idle', react: [] },
    [SAID.noRoom]: { learn: ['contended'], to: 'idle', react: [] },
  },
  wait: WAITED,
  queue: { [SAID.waiting]: QUEUED, [SAID.crowded]: QUEUED },
  retry: {
    [SAID.granted]: GRANTED,
    [SAID.no]: {
      learn: ['othersCame', 'hot', 'raceLost'],
      to: 'waiting',
      react: ['wait', 'refuse'],
    },
    [SAID.crowded]: {
      learn: ['othersCame', 'hot', 'raceLost'],
      to: 'waiting',
      react: ['waitCrowded', 'refuse'],
    },
  },
  poll: {
    [SAID.granted]: GRANTED,
    [SAID.no]: { learn: ['othersCame', 'pollLost'], to: 'waiting', react: ['wait', 'refuse'] },
    [SAID.crowded]: { learn: ['othersCame', 'pollLost'], to: 'waiting', react: ['waitCrowded', 'refuse'] },
  },
  join: JOINING,
  rejoin: JOINING,
  upgrade: {
    [SAID.granted]: GRANTED,
    [SAID.no]: { learn: ['contended'], to: 'held', react: ['wait', 'refuse'] },
  },
  downgrade: {
    [SAID.granted]: GRANTED,
    [SAID.no]: { learn: [], to: 'idle', react: ['holdersLost'] },
  },
  setIntent: {
    [SAID.done]: { learn: ['intentSet'], to: 'asBefore', react: [] },
    [SAID.doneAndWanted]: { learn: ['intentSet'], to: 'asBefore', react: ['notify'] },
  },
  clearIntent: {
    [SAID.done]: { learn: ['intentCleared'], to: 'asBefore', react: [] },
    [SAID.doneAndWanted]: { learn: ['intentCleared'], to: 'asBefore', react: ['notify'] },
  },
  leave: {
    [SAID.done]: { learn: [], to: 'idle', react: [] },
    [SAID.doneAndWanted]: { learn: [], to: 'idle', react: ['notify'] },
  },
  release: RELEASED,
  releaseEarly: RELEASED,
  yield: {
    [SAID.granted]: GRANTED,
    [SAID.no]: { learn: [], to: 'idle', react: ['notHeld'] },
    [SAID.done]: { learn: ['hot', 'serverQueueGoesFirst'], to: 'idle', react: ['releaseConfirmed'] },
    [SAID.waiting]: YIELDED,
    [SAID.crowded]: YIELDED,
    [DOUBTED]: { learn: [], to: 'waiting', react: ['releaseConfirmed', 'yield', 'lookAgain'] },
  },
}

/** Answers that say that another process wants the key. */
const SAYS_WANTED: Readonly<Partial<Record<OperationKind, readonly Answer[]>>> = {
  release: [SAID.doneAndWanted],
  releaseEarly: [SAID.doneAndWanted],
  yield: [SAID.waiting, SAID.crowded],
}

/**
 * Pure: what follows from an answer. `doubtsRegistrations`: this process currently ignores signs that other processes want the
 * key.
 *
 * @throws {InvariantError} for an answer that the operation does not have
 */
export function consequenceOf(
  kind: OperationKind,
  answer: Answer,
  doubtsRegistrations: boolean,
): Consequence {
  const isDoubtful = doubtsRegistrations && SAYS_WANTED[kind]?.includes(answer) === true
  const row = CONSEQUENCES[kind][isDoubtful ? DOUBTED : answer]
  if (row === undefined) throw new InvariantError(`${kind} was answered with ${JSON.stringify(answer)}`)
  return row
}
