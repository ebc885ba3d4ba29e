import type { LockEvents } from '../lock/lock-events.js'
import type { PoolSnapshot } from '../lock/snapshot.js'
import type { Listener } from '../base/emitter.js'
import type { History } from './history.js'

/** The part of a pool that is observed. */
export interface WatchedPool {
  on<Name extends keyof LockEvents>(event: Name, listener: Listener<LockEvents[Name]>): unknown
  off<Name extends keyof LockEvents>(event: Name, listener: Listener<LockEvents[Name]>): unknown
  snapshot(): PoolSnapshot
}

/**
 * Records what happens in a pool, until the returned function is called. The amounts are read once per slot of the history,
 * when something happens in it: that costs in proportion to the keys in use, and needs no timer.
 */
export function watchPool(locks: WatchedPool, history: History): () => void {
  const onAcquired = ({ waitedMs }: LockEvents['lock:acquired']): void => {
    history.waited(waitedMs)
    if (history.isDue) history.amounts(amounts(locks))
  }
  const onReleased = ({ heldMs }: LockEvents['lock:released']): void => {
    history.held(heldMs)
    if (history.isDue) history.amounts(amounts(locks))
  }
  locks.on('lock:acquired', onAcquired)
  locks.on('lock:released', onReleased)
  return () => {
    locks.off('lock:acquired', onAcquired)
    locks.off('lock:released', onReleased)
  }
}

function amounts(locks: WatchedPool): Parameters<History['amounts']>[0] {
  const { held, waiting, connections } = locks.snapshot()
  return { held, waiting, connections: connections.total }
}
