/** Counts since the pool was made. */
export interface LockCounters {
  acquired: number
  released: number
  lost: number
  /** Acquired from another caller of this process, without asking the server. */
  handedOff: number
  /** Calls of `acquire` and `tryAcquire` that ended without the lock. */
  refused: number
  /** Of these, with `LOCK_TIMEOUT`. */
  timeouts: number
  /** Of these, with `LOCK_DEADLOCK`. */
  deadlocks: number
}

export function zeroCounters(): LockCounters {
  return { acquired: 0, released: 0, lost: 0, handedOff: 0, refused: 0, timeouts: 0, deadlocks: 0 }
}
