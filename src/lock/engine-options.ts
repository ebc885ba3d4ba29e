import type { LinkSettings } from '../dialect/dialect.js'
import { SeenTokens } from '../dialect/seen-tokens.js'
import type { PoolOptions } from '../pool/pool-options.js'
import type { LockPoolOptions } from './lock-pool-options.js'

/** The options for lock sessions. */
export function linkSettings(
  { leaseMs, fencing, strict }: Required<LockPoolOptions>,
  sender: string,
): LinkSettings {
  return { leaseMs, fencing, strict, sender, seen: new SeenTokens() }
}

/** Whether to write reports for people: with one connection in total, they would have to wait for locks. */
export function recordsForPeople({ keyNames, max }: Required<LockPoolOptions>): boolean {
  return keyNames !== 'off' && max > 1
}

/** Whether sessions without tables of records look for them again. Without tokens they use no table. */
export function mayFindRecords(options: Required<LockPoolOptions>): boolean {
  return recordsForPeople(options) && (options.fencing !== 'off' || options.strict)
}

/** The options that a lock pool passes on to its connection pool. */
export function poolOptions(options: Required<LockPoolOptions>, reserved: number): PoolOptions {
  const { min, max, maxWaiting, onExhausted, acquireTimeoutMs, idleTimeoutMs, maxLifetimeMs } = options
  const { maxUses, allowExitOnIdle, leakWarningMs, connectTimeoutMs } = options
  const shared = { min, max, maxWaiting, onExhausted, acquireTimeoutMs, idleTimeoutMs, maxLifetimeMs }
  return {
    ...shared,
    connectTimeoutMs,
    maxUses,
    allowExitOnIdle,
    leakWarningMs,
    reserved,
    openAtStart: false,
  }
}
