import type { Deadlines } from '../../base/deadlines.js'
import type { Lock } from './lock.js'
import { LockWaiter, type LockRequest, type WaitedFor } from './lock-waiter.js'

/**
 * A holder that wants its key in the other mode, and keeps its lock until then. It goes before all other waiters: they wait
 * for its lock, so otherwise it and they would wait for each other.
 */
export class ConversionWaiter<Place extends WaitedFor = WaitedFor> extends LockWaiter<Place> {
  /** Its current lock, which is released when the other one is granted. */
  readonly held: Lock

  constructor(entry: Place, request: LockRequest, arrival: number, deadlines: Deadlines, held: Lock) {
    super(entry, request, arrival, deadlines)
    this.held = held
    entry.queue.remove(this)
    entry.queue.addFirst(this)
  }
}
