import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel'
import type { LockLostError } from '../../base/errors.js'
import type { LockKey, LockMode } from '../../dialect/lock-key.js'
import { keyText } from '../../dialect/key-words.js'
import type { Lock } from './lock.js'
import type { LockGroup } from './lock-group.js'

/** What subscribers of `lockpool:acquire` receive: at the start, and with `result` or `error` at the end. */
export interface AcquireTrace {
  readonly keys: readonly string[]
  readonly mode: LockMode
  /** Null for an attempt that was not granted. */
  result?: Lock | LockGroup | null
  error?: unknown
}

/** What subscribers of `lockpool:hold` receive, from the grant (`start`) to the release or the loss (`asyncEnd`). */
export interface HoldTrace {
  readonly key: string
  readonly mode: LockMode
  /** Decimal digits; null if there are no tokens. */
  readonly token: string | null
  /** Milliseconds; set at the end. */
  heldMs?: number
  /** Set if it was lost. */
  error?: LockLostError
}

type Channel<Trace extends object> = TracingChannel<unknown, Trace>

const ACQUIRE: Channel<AcquireTrace> = tracingChannel('lockpool:acquire')
const HOLD: Channel<HoldTrace> = tracingChannel('lockpool:hold')

const holds = new WeakMap<Lock, HoldTrace>()

/** Whether there is a subscriber. If there is none, tracing costs only this check (3 ns, measured). */
export function isAcquireTraced(): boolean {
  return ACQUIRE.hasSubscribers
}

export function traceAcquire<T extends Lock | LockGroup | null>(
  keys: readonly LockKey[],
  mode: LockMode,
  acquire: () => Promise<T>,
): Promise<T> {
  if (!ACQUIRE.hasSubscribers) return acquire()
  return ACQUIRE.tracePromise(acquire, { keys: keys.map(keyText), mode })
}

/** Whether there is a subscriber for how long locks are held. */
export function isHoldTraced(): boolean {
  return HOLD.hasSubscribers
}

export function traceHold(lock: Lock): void {
  if (!HOLD.hasSubscribers) return
  const trace: HoldTrace = { key: keyText(lock.key), mode: lock.mode, token: lock.tokenText }
  holds.set(lock, trace)
  HOLD.start.publish(trace)
  HOLD.end.publish(trace)
}

/** `error` says how the lock was lost, if it was. */
export function traceHoldEnd(lock: Lock, error?: LockLostError): void {
  if (!HOLD.hasSubscribers) return
  const trace = holds.get(lock)
  if (trace === undefined) return
  holds.delete(lock)
  trace.heldMs = lock.heldMs
  if (error !== undefined) {
    trace.error = error
    HOLD.error.publish(trace)
  }
  HOLD.asyncStart.publish(trace)
  HOLD.asyncEnd.publish(trace)
}
