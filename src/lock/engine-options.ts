import type { LinkSettings } from '../dialect/dialect.js'
import { SeenTokens } from '../dialect/seen-tokens.js'
import type { PoolOptions } from '../pool/pool-options.js'
import type { LockPoolOptions } from './lock-pool-options.js'

/** What lock sessions are told of the options. */
export function linkSettings(
  { leaseMs, fencing, strict }: Required<LockPoolOptions>,
  sender: string,
): LinkSettings {
  return { leaseMs, fencing, strict, sender, seen: new SeenTokens() }
}

/** With one connection in all, what people are to see would have to wait for locks. */
export function isTold({ keyNames, max }: Required<LockPoolOptions>): boolean {
  return keyNames !== 'off' && max > 1
}

/** Those that a pool of locks hands on to its pool of connections. */
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
