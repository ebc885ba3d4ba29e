import type { KeyCode, LockMode } from './lock-key.js'

/**
 * What can be asked of the server about one key. Only `enqueue` waits in the server, and it goes alone: a release can't queue
 * behind somebody's wait.
 *
 * *Interest* is a mark that this session waits for a key; it ends with the session. It is set before the attempt that
 * decides to sleep, and looked for after the unlock: either the waiter's attempt sees the key free, or the releaser sees
 * the interest. No wake-up is lost.
 *
 * - `try`      take it if it is free. A shared attempt also gives way to a waiting writer.
 * - `enqueue`   wait for it in the server's own queue, then take it: see `LockLink.enqueue`.
 * - `wait`     set interest, then as `try`; when granted, interest is dropped again.
 * - `queue`    exclusive only: set interest, and leave it at that. For a session that has just had its turn: the others have
 *              been rung for, and are on their way. Readers may be among them, so there is no mark of a waiting writer yet.
 * - `retry`    interest is set and the bell has rung: take it if it is free; when granted, drop interest. A reader who has
 *              waited for long asks like this as well.
 * - `poll`     as `retry`, but a shared attempt gives way to a waiting writer.
 * - `join`     this session has the key in shared mode: draw a token for more local readers, unless a writer waits.
 * - `rejoin`   as `join`, by one who has waited for long: whether a writer waits or not.
 * - `upgrade`  this session has the key in shared mode, for one local reader: make it exclusive, if no other session has it.
 * - `downgrade`  this session has it in exclusive mode: make it shared, without a moment in which it has nothing.
 * - `leave`    drop interest. If the key could be had in the end, somebody may have given it up, or may not have taken it,
 *              counting on us: say so, for the others to be woken.
 * - `release`  give it up, and say whether somebody else may be interested.
 * - `relinquish`  as `release`, before the delay of the grant has run out: the next one is delayed as well.
 * - `setIntent` this session has the key in shared mode, and a local writer waits: keep readers elsewhere from joining.
 * - `clearIntent` take that back, for the readers to be woken.
 * - `yield`    exclusive only: if no other session is interested, and nobody stands in line for it, keep it and draw a new
 *              token; if somebody is interested, set interest, then give it up; if others only stand in line, give it up.
 */
export type OperationKind =
  | 'try'
  | 'enqueue'
  | 'wait'
  | 'queue'
  | 'retry'
  | 'poll'
  | 'join'
  | 'rejoin'
  | 'upgrade'
  | 'downgrade'
  | 'leave'
  | 'release'
  | 'relinquish'
  | 'setIntent'
  | 'clearIntent'
  | 'yield'

export interface LockOperation {
  readonly kind: OperationKind
  readonly mode: LockMode
  readonly key: KeyCode
}

/**
 * Whether the mark of a strict session goes before the operation. A writer that gives up before its delay has run out
 * leaves its mark, which stands for what was left over as well; a reader has left that where it was.
 */
export function endsCleanly({ kind, mode }: LockOperation): boolean {
  return kind === 'release' || kind === 'yield' || (kind === 'relinquish' && mode === 'shared')
}

/** What the server says to one operation: one character, so that the answers to a batch are one string. */
export type Answer = string

export const SAID = {
  /** `try`, `enqueue`, `wait`, `retry`, `poll`, `join`, `rejoin`, `upgrade`, `downgrade`: it is ours. `yield`: it stays ours. The token is that of the reply. */
  granted: 'g',
  /** `enqueue`: it is ours, and it was free when we came. */
  free: 'f',
  /** `try`, `enqueue`, `retry`, `poll`, `join`, `upgrade`: not granted. `release`, `yield`, `downgrade`: it was not held. */
  no: 'n',
  /**
   * `release`, `relinquish`: given up, and nobody else is interested. `yield`: given up for those who stand in line. `leave`:
   * somebody has it. `mark`: done, or not needed.
   */
  done: 'd',
  /** Done, and somebody may have to be woken. */
  doneAndWanted: 'r',
  /** `wait`, `queue`: not granted, interest is set. `yield`: given up, interest is set, somebody else is interested. */
  waiting: 'w',
  /**
   * `wait`, `queue`, `retry`, `poll`: not granted. `yield`: given up. Somebody else keeps interest from being set, or not all
   * of it is there: each `retry` and `poll` sets what is missing, and until then nobody may ring. For an instant it may be
   * one who looks for interest; for longer only a stranger, and while he does, all who release take somebody to be interested.
   */
  crowded: 'c',
} as const

/** Whether any of these answers was a grant. */
export function hasGranted(answers: string): boolean {
  return answers.includes(SAID.granted) || answers.includes(SAID.free)
}

/** Whether an attempt was granted. */
export function isGranted(answer: Answer | undefined): boolean {
  return answer === SAID.granted || answer === SAID.free
}

/** The answers to a batch. */
export interface BatchReply {
  /** One character per operation, in their order. */
  readonly answers: string
  /**
   * The fencing token of everything this batch was granted, in decimal digits; null if nothing could be, or there are no
   * tokens. It is drawn after the last operation, while all that was granted is still held. So for each key it is greater
   * than the tokens of those who had it before, who drew theirs before they gave it up, and smaller than of those after.
   */
  readonly token: string | null
  /**
   * Where each lock numbers its own holders: the token of each operation that was granted, and null for the others. `token`
   * is null then.
   */
  readonly tokens?: readonly (string | null)[]
  /**
   * Milliseconds, per operation, that what it was granted must stay with this session before anybody is told: until then
   * somebody who was cut off may still believe to have it. Null if there is nothing to wait for.
   */
  readonly delaysMs: readonly number[] | null
}

/**
 * Tokens are drawn from a sequence of this step, so that the hand-offs inside one process between two answers of the
 * server can be numbered without asking it.
 */
export const TOKEN_STEP = 1024
