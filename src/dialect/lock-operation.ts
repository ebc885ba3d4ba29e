import type { KeyCode, LockMode } from './lock-key.js'

/**
 * The operations on one key. Only `enqueue` waits in the server, and it is sent alone: a release must not queue behind
 * another entry's wait.
 *
 * A *registration* says that this session waits for a key; it ends with the session. It is set before the attempt that
 * decides to wait, and checked after the unlock: either the waiter's attempt finds the key free, or the releasing
 * session finds the registration. So no wake-up is lost.
 *
 * - `try`      take it if it is free. A shared attempt also yields to a waiting writer.
 * - `enqueue`  wait for it in the server's own queue, then take it: see `LockLink.enqueue`.
 * - `wait`     set a registration, then like `try`; when granted, the registration is removed.
 * - `queue`    exclusive only: set a registration, and nothing else. For a session that has just had its turn: the
 *              other processes have been notified, and are about to try. Readers may be among them, so no intent is
 *              set yet.
 * - `retry`    a registration is set and a wake-up has arrived: take it if it is free; when granted, remove the
 *              registration. Also for a reader that has waited long.
 * - `poll`     like `retry`, but a shared attempt yields to a waiting writer.
 * - `join`     this session has the key in shared mode: draw a token for more local readers, unless a writer waits.
 * - `rejoin`   like `join`, for a reader that has waited long: whether or not a writer waits.
 * - `upgrade`  this session has the key in shared mode, for one local reader: make it exclusive, if no other session has it.
 * - `downgrade`  this session has it in exclusive mode: make it shared, without a moment in which it has nothing.
 * - `leave`    remove the registration. If the key could have been taken at the end, another process may have released
 *              it, or not taken it, because of this registration: the answer says so, so that the others are notified.
 * - `release`  release it, and report whether another process may be registered.
 * - `releaseEarly`  like `release`, before the lock-delay of the grant is over: the next grant is delayed as well.
 * - `setIntent`  this session has the key in shared mode, and a local writer waits: keep readers in other processes
 *                from joining.
 * - `clearIntent`  undo that, so that those readers can be notified.
 * - `yield`    exclusive only: if no other session is registered or in the queue, keep it and draw a new token; if one
 *              is registered, set a registration, then release it; if others are only in the queue, release it.
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
  | 'releaseEarly'
  | 'setIntent'
  | 'clearIntent'
  | 'yield'

export interface LockOperation {
  readonly kind: OperationKind
  readonly mode: LockMode
  readonly key: KeyCode
}

/**
 * Whether the hold record of a strict session is removed before the operation. A writer that gives the lock up before
 * its lock-delay is over leaves its record, which also covers older records; a reader has left those in place.
 */
export function endsCleanly({ kind, mode }: LockOperation): boolean {
  return kind === 'release' || kind === 'yield' || (kind === 'releaseEarly' && mode === 'shared')
}

/** The server's answer to one operation: one character, so that the answers to a batch form one string. */
export type Answer = string

export const SAID = {
  /**
   * `try`, `enqueue`, `wait`, `retry`, `poll`, `join`, `rejoin`, `upgrade`, `downgrade`: granted. `yield`: kept. The
   * token is that of the reply.
   */
  granted: 'g',
  /** `enqueue`: granted, and the key was free at once. */
  free: 'f',
  /** `try`, `enqueue`, `retry`, `poll`, `join`, `upgrade`: not granted. `release`, `yield`, `downgrade`: it was not held. */
  no: 'n',
  /**
   * `release`, `releaseEarly`: released, and no other session is registered. `yield`: released for sessions in the
   * queue. `leave`: another session has it. `setIntent`: done, or not needed.
   */
  done: 'd',
  /** Done, and another process may need a wake-up. */
  doneAndWanted: 'r',
  /**
   * `wait`, `queue`: not granted, the registration is set. `yield`: released, the registration is set, and another
   * session is registered.
   */
  waiting: 'w',
  /**
   * `wait`, `queue`, `retry`, `poll`: not granted. `yield`: released. Another session keeps the registration, or a
   * part of it, from being set: each `retry` and `poll` sets the missing part, and until then wake-ups may not arrive.
   * For an instant that can be a session that checks for registrations; for longer only a foreign program, and
   * meanwhile each release finds a registration.
   */
  crowded: 'c',
  /** `enqueue`: as many sessions read the key as can. A session in the queue could not wait for a place, and others wait behind it. */
  noRoom: 'x',
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
   * The fencing token of all grants of this batch, in decimal digits; null if nothing could be granted, or there are
   * no tokens. It is drawn after the last operation, while everything granted is still held. So for each key it is
   * greater than the tokens of earlier holders, which drew theirs before they released the key, and smaller than those
   * of later ones.
   */
  readonly token: string | null
  /**
   * For databases in which each lock numbers its own holders: the token of each granted operation, null for the
   * others. Then `token` is null.
   */
  readonly tokens?: readonly (string | null)[]
  /**
   * Per operation, how many milliseconds the grant must stay with this session before a caller gets it: until then a
   * disconnected holder may still believe that it has the lock. Null if there is no delay.
   */
  readonly delaysMs: readonly number[] | null
}

/**
 * Tokens are drawn from a sequence of this step, so that the hand-offs inside one process between two answers of the
 * server can be numbered without asking it.
 */
export const TOKEN_STEP = 1024
