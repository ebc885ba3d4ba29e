import type { History, Strike } from '../history.js'
import { byKey, isHold, type Ask, type Hold } from './asks.js'
import type { Finding } from './finding.js'

/** Two holds of one lock at the same time, at least one of them exclusive, as both applications saw it. */
export interface Overlap {
  readonly key: string
  readonly first: Hold
  readonly second: Hold
  readonly ms: number
  /** Whether the server had a reason to free the lock early, and the pools were not strict. */
  readonly isExcused: boolean
}

/** How long before the application saw it a holder may have had the lock, because the answer was on its way. */
const ON_THE_WAY_MS = 3000

/**
 * Compares what was certainly held, from the first check of `lock.state` to the last. A lost lock is never held again,
 * so the time between two checks counts too. That finds a process that was paused while it held a lock.
 */
export function findOverlaps(asks: readonly Ask[], { strikes, isStrict }: History): Overlap[] {
  const lettingGo = isStrict ? [] : strikes.filter((strike) => strike.letsGo)
  return [...byKey(asks.filter(isHold)).values()].flatMap((holds) => overlapsOf(holds, lettingGo))
}

function overlapsOf(holds: readonly Hold[], lettingGo: readonly Strike[]): Overlap[] {
  const found: Overlap[] = []
  let open: Hold[] = []
  for (const second of holds.toSorted((a, b) => a.heldFrom - b.heldFrom)) {
    open = open.filter((first) => first.heldUntil > second.heldFrom)
    for (const first of open) {
      if (first.mode === 'shared' && second.mode === 'shared') continue
      const ms = Math.min(first.heldUntil, second.heldUntil) - second.heldFrom
      found.push({ key: first.key, first, second, ms, isExcused: isExcused(first, second, lettingGo) })
    }
    open.push(second)
  }
  return found
}

/** Whether a strike made the server free the first hold before the second one began. */
function isExcused(first: Hold, second: Hold, lettingGo: readonly Strike[]): boolean {
  const since = Math.max(first.askedAt, first.heldFrom - ON_THE_WAY_MS)
  return lettingGo.some(({ from, to }) => to >= since && from <= second.heldFrom)
}

export function overlapFindings(overlaps: readonly Overlap[]): Finding[] {
  return overlaps
    .filter(({ isExcused }) => !isExcused)
    .map(({ key, first, second, ms }) => ({
      kind: 'overlap',
      what: `${first.id} (${first.mode}) and ${second.id} (${second.mode}) both held key ${key} for ${ms.toFixed(1)} ms`,
    }))
}
