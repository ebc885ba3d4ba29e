import { throwIfAborted } from '../base/abort-signal.js'
import type { Clock } from '../base/clock.js'
import { ConnectionError } from '../base/errors.js'
import { inTime } from '../base/in-time.js'
import { onAbort } from '../base/on-abort.js'
import type { Lease } from './lease.js'

/** How one answer is waited for. */
export interface AskLimits {
  readonly clock: Clock
  /** How long the answer may take. */
  readonly limitMs: number
  /** Ends the wait. */
  readonly signal: AbortSignal | undefined
}

/**
 * Uses the connection that `connect` returns for one answer, and checks it in. If the signal or the limit ends the wait,
 * the connection is closed, because its answer may still come.
 *
 * @throws the errors of `connect` and of `ask`, and the reason of the signal
 * @throws {ConnectionError} no answer within `limitMs`
 */
export async function askOnce<C extends Lease, T>(
  connect: () => Promise<C>,
  { clock, limitMs, signal }: AskLimits,
  ask: (connection: C) => Promise<T>,
): Promise<T> {
  const connection = await connect()
  const giveUp = (): void => connection.release(true)
  const unsubscribe = signal && onAbort(signal, giveUp)
  const late = (): Error => {
    giveUp()
    return new ConnectionError(`the server did not answer within ${limitMs} ms`)
  }
  try {
    return await inTime(clock, limitMs, ask(connection), late)
  } catch (error) {
    throwIfAborted(signal)
    throw error
  } finally {
    unsubscribe?.()
    connection.release()
  }
}
