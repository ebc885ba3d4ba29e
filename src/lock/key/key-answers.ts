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
  | 'marked'
  | 'unmarked'
  /** A writer in another process waits: no more readers may join. */
  | 'draining'
  /** Other processes are in the server's queue, and are about to get the key. */
  | 'lineGoesFirst'

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
  | 'gaveUp'
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

export interface After {
  readonly learn: readonly Lesson[]
  readonly to: Target
  readonly react: readonly Reaction[]
}

/** A variant of an answer: another process seems to want the key, has had precedence repeatedly, and has not come. */
const DOUBTED = 'doubted'

type Row = Readonly<Record<string, After>>

const GRANTED: After = { learn: [], to: 'ours', react: [] }

const ASLEEP: Row = {
  [SAID.granted]: GRANTED,
  [SAID.waiting]: { learn: [], to: 'waiting', react: ['wait', 'refuse'] },
  [SAID.crowded]: { learn: [], to: 'waiting', react: ['waitCrowded', 'refuse'] },
}

const QUEUED: After = { learn: [], to: 'waiting', react: ['yield', 'refuse'] }

const JOINING: Row = {
  [SAID.granted]: GRANTED,
  [SAID.no]: { learn: ['draining'], to: 'held', react: ['wait', 'refuse'] },
}

const RELEASED: Row = {
  [SAID.done]: { learn: ['othersCame'], to: 'idle', react: ['gaveUp'] },
  [SAID.doneAndWanted]: { learn: ['othersListen'], to: 'notifying', react: ['notifyUnlessSent', 'gaveUp'] },
  [DOUBTED]: { learn: [], to: 'idle', react: ['gaveUp'] },
  [SAID.no]: { learn: [], to: 'idle', react: ['notHeld'] },
}

const YIELDED: After = { learn: ['othersListen'], to: 'waiting', react: ['notify', 'gaveUp', 'yield'] }

/**
 * What each answer to each operation means. Together with `nextStep` it is the whole machine: `nextStep` chooses the
 * operation in a state, and this table says what follows from the answer. Answers that are not in the table do not exist.
 */
export const AFTER: Readonly<Record<OperationKind, Row>> = {
  try: {
    [SAID.granted]: GRANTED,
    [SAID.no]: { learn: ['contended'], to: 'idle', react: ['refuse'] },
  },
  // Callers whose time is up get an error that names the holder, so they are not refused at once.
  enqueue: {
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
    [SAID.done]: { learn: ['marked'], to: 'asBefore', react: [] },
    [SAID.doneAndWanted]: { learn: ['marked'], to: 'asBefore', react: ['notify'] },
  },
  clearIntent: {
    [SAID.done]: { learn: ['unmarked'], to: 'asBefore', react: [] },
    [SAID.doneAndWanted]: { learn: ['unmarked'], to: 'asBefore', react: ['notify'] },
  },
  leave: {
    [SAID.done]: { learn: [], to: 'idle', react: [] },
    [SAID.doneAndWanted]: { learn: [], to: 'idle', react: ['notify'] },
  },
  release: RELEASED,
  relinquish: RELEASED,
  yield: {
    [SAID.granted]: GRANTED,
    [SAID.no]: { learn: [], to: 'idle', react: ['notHeld'] },
    [SAID.done]: { learn: ['hot', 'lineGoesFirst'], to: 'idle', react: ['gaveUp'] },
    [SAID.waiting]: YIELDED,
    [SAID.crowded]: YIELDED,
    [DOUBTED]: { learn: [], to: 'waiting', react: ['gaveUp', 'yield', 'lookAgain'] },
  },
}

/** Answers that say that another process wants the key. */
const SAYS_WANTED: Readonly<Partial<Record<OperationKind, readonly Answer[]>>> = {
  release: [SAID.doneAndWanted],
  relinquish: [SAID.doneAndWanted],
  yield: [SAID.waiting, SAID.crowded],
}

/**
 * Pure: what follows from an answer. `doubtsOthers`: this process currently ignores signs that other processes want the
 * key.
 *
 * @throws {InvariantError} for an answer that the operation does not have
 */
export function after(kind: OperationKind, answer: Answer, doubtsOthers: boolean): After {
  const isDoubtful = doubtsOthers && SAYS_WANTED[kind]?.includes(answer) === true
  const row = AFTER[kind][isDoubtful ? DOUBTED : answer]
  if (row === undefined) throw new InvariantError(`${kind} was answered with ${JSON.stringify(answer)}`)
  return row
}
