import { isAbortSignal } from '../base/abort-signal.js'
import { InvalidOptionError } from '../base/errors.js'
import { checkIsObject, show } from '../base/options.js'
import { POOL_OPTIONS } from './pool-options.js'
import type { OnWanted } from './slot.js'

/** The options of a checkout. */
export interface ConnectOptions {
  /**
   * How long queueing and opening may take. With 0 an idle connection is checked out without being tested first,
   * because a test would be a wait.
   *
   * Default the pool's `acquireTimeoutMs`. From 0 to 86400000 (one day), or Infinity.
   */
  readonly timeoutMs?: number
  /** Ends the wait. The call rejects with `signal.reason`, untouched. */
  readonly signal?: AbortSignal
  /** Whether the reserved connections may be used. Default false. */
  readonly reserved?: boolean
  /**
   * Called when another caller waits for a connection, or this one has grown too old: return true to say that it will come
   * back soon. Default: not called.
   */
  readonly onWanted?: OnWanted
}

/** The same with defaults. Each option was read once: it may be the work of a getter. */
export interface ConnectRequest {
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  readonly isReserved: boolean
  readonly onWanted: OnWanted | null
}

/** @throws {InvalidOptionError} naming every wrong option. */
export function connectRequest(options: ConnectOptions, defaultMs: number): ConnectRequest {
  checkIsObject(options)
  const { timeoutMs = defaultMs, signal, reserved = false, onWanted } = options
  const wrong = POOL_OPTIONS.acquireTimeoutMs.problem(timeoutMs)
  const problems = wrong === null ? [] : [`"timeoutMs" ${wrong}, got ${show(timeoutMs)}`]
  if (signal !== undefined && !isAbortSignal(signal))
    problems.push(`"signal" must be an AbortSignal, got ${show(signal)}`)
  if (typeof reserved !== 'boolean') problems.push(`"reserved" must be true or false, got ${show(reserved)}`)
  if (onWanted !== undefined && typeof onWanted !== 'function')
    problems.push(`"onWanted" must be a function, got ${show(onWanted)}`)
  if (problems.length > 0) throw new InvalidOptionError(problems)
  return {
    timeoutMs,
    signal,
    isReserved: reserved,
    onWanted: onWanted === undefined ? null : () => asked(onWanted),
  }
}

/** A callback that throws counts as a refusal. The error reaches the process like that of a listener. */
function asked(onWanted: OnWanted): boolean {
  try {
    const answer: unknown = onWanted()
    return answer === true
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
    return false
  }
}
