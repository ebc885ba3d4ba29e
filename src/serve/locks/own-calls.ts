import type { Lock } from '../../lock/handle/lock.js'
import type { Permit } from '../../lock/semaphore/permit.js'
import { SqlError } from '../messages/sql-error.js'
import type { Value } from '../messages/values.js'
import type { OwnCall } from '../sql/statement.js'
import type { LockOwner } from './lock-owner.js'
import type { WaitLimits } from './lock-source.js'

/** The source of permits: the semaphores of a `LockPool`. */
export interface PermitSource {
  permit(name: string, permits: number, waitLimits: WaitLimits): Promise<Permit>
}

/** The permits of one client. It may have several permits of one name. */
export class PermitOwner {
  readonly #source: PermitSource
  #held: { readonly name: string; readonly permit: Permit }[] = []
  #isClosed = false

  constructor(source: PermitSource) {
    this.#source = source
  }

  get size(): number {
    return this.#held.length
  }

  get hasLost(): boolean {
    return this.#held.some(({ permit }) => permit.state === 'lost')
  }

  async acquire(name: string, permits: number, waitLimits: WaitLimits): Promise<number> {
    const permit = await this.#source.permit(name, permits, waitLimits)
    if (this.#isClosed) permit.release().catch(() => undefined)
    else this.#held.push({ name, permit })
    return permit.number
  }

  /** Releases the permit that was taken last. False if there is none. */
  async release(name: string): Promise<boolean> {
    const at = this.#held.findLastIndex((each) => each.name === name)
    if (at < 0) return false
    const { permit } = this.#held[at]!
    this.#held.splice(at, 1)
    await permit.release()
    return true
  }

  async releaseAll(): Promise<void> {
    const held = this.#held
    this.#held = []
    await Promise.all(held.map(({ permit }) => permit.release()))
  }

  close(): void {
    this.#isClosed = true
    if (this.#held.length > 0) this.releaseAll().catch(() => undefined)
  }
}

export interface OwnArguments {
  readonly name: string
  /** Null if it was left out, or is NULL. */
  readonly permits: number | null
  readonly timeoutMs: number | null
}

/** Runs one of lockpool's own SQL functions. */
export async function callOwn(
  call: OwnCall,
  { name, permits, timeoutMs }: OwnArguments,
  owner: LockOwner,
  permitOwner: PermitOwner,
  usual: WaitLimits,
): Promise<Value> {
  const waitLimits = waitLimitsOf(usual, timeoutMs)
  switch (call.function) {
    case 'acquire':
      await owner.acquire(name, 'exclusive', 'session', waitLimits)
      return tokenOf(owner.lockOf(name))
    case 'try_acquire': {
      const isAcquired = await owner.tryAcquire(name, 'exclusive', 'session', waitLimits)
      return isAcquired ? tokenOf(owner.lockOf(name)) : null
    }
    case 'release':
      return (await isReleased(owner.release(name, 'exclusive'))) || (await permitOwner.release(name))
    case 'permit':
      return BigInt(await permitOwner.acquire(name, permits ?? 1, waitLimits))
    case 'token':
      return tokenOf(owner.lockOf(name))
  }
}

async function isReleased(released: Promise<void> | null): Promise<boolean> {
  await released
  return released !== null
}

function waitLimitsOf(usual: WaitLimits, timeoutMs: number | null): WaitLimits {
  if (timeoutMs === null) return usual
  if (timeoutMs < 0) throw new SqlError('22023', `timeout_ms must not be negative, got ${timeoutMs}`)
  return { ...usual, timeoutMs: Math.min(timeoutMs, usual.timeoutMs) }
}

/** A lock works without tokens as well: 0 means that there is none. */
function tokenOf(lock: Lock | null): bigint | null {
  if (lock === null) return null
  return BigInt(lock.tokenText ?? '0')
}
