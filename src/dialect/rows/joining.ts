import { onAbort } from '../../base/on-abort.js'
import type { LinkSettings } from '../dialect.js'
import type { RowFacts } from './link.js'
import type { Member } from './member.js'

/** A member that is joining. */
export interface Joining {
  readonly id: number
  /** The name of the process for people. */
  readonly name: string
  readonly namespace: string
  readonly settings: LinkSettings
  readonly ended: (cause: Error) => void
  /** Aborts when the session is no longer wanted. */
  readonly signal: AbortSignal
}

/** A member that has joined, and the facts that it found. */
export interface Joined {
  readonly member: Member
  readonly facts: RowFacts
}

/** Sends nothing more once the session is not wanted. */
export async function untilAborted<T>(
  runner: { isOver: boolean },
  signal: AbortSignal,
  use: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const stopAbort = onAbort(signal, () => (runner.isOver = true))
  try {
    return await use()
  } finally {
    stopAbort()
  }
}

/**
 * Inserts the rows of the member. If that or the first heartbeat fails, they are removed again: without a session they would
 * stay until another member has seen no heartbeat for a whole lease.
 */
export async function enter<T>(member: Member, insert: () => Promise<T>): Promise<T> {
  try {
    const entered = await insert()
    // The member must know which other members are dead before its first attempt.
    await member.beat()
    return entered
  } catch (error) {
    await member.leave().catch(() => undefined)
    throw error
  }
}
