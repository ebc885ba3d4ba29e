import { keyText } from '../../dialect/key-words.js'
import type { SemaphoreStateName } from '../state-names.js'
import type { Semaphores } from './semaphores.js'

/** A semaphore whose permits this process holds or waits for. */
export interface SemaphoreSnapshot {
  /** The key, as text. */
  readonly key: string
  /** The number of permits, across all processes. */
  readonly permits: number
  readonly state: SemaphoreStateName
  /** The `id` of the session that has its permits. */
  readonly session: number | null
  /** The holders in this process. */
  readonly holders: readonly {
    readonly number: number
    readonly heldMs: number
    readonly token: string | null
    readonly label: string | null
  }[]
  /** The waiters in this process, in order. */
  readonly waiters: readonly { readonly waitedMs: number; readonly label: string | null }[]
}

export function semaphoreSnapshots(semaphores: Semaphores): SemaphoreSnapshot[] {
  const now = semaphores.clock.now()
  return [...semaphores.entries].map((entry) => ({
    key: keyText(entry.label),
    permits: entry.semaphore.permits,
    state: entry.state,
    session: entry.session?.id ?? null,
    holders: entry.holders.map((permit) => ({
      number: permit.number,
      heldMs: Math.round(permit.heldMs),
      token: permit.tokenText,
      label: permit.label,
    })),
    waiters: [...entry.queue].map((waiter) => ({
      waitedMs: Math.round(now - waiter.since),
      label: waiter.purpose,
    })),
  }))
}
