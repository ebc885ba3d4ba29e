import type { Deadlines } from '../../base/deadlines.js'
import type { Lock } from './lock.js'
import { LockWaiter, type LockRequest, type WaitedFor } from './lock-waiter.js'

/**
 * A holder that wants its key in the other mode, and keeps what it has until then. It goes before all other waiters: those
 * that it keeps out by what it holds would otherwise wait for it, and it for them.
 */
export class ConversionWaiter<Place extends WaitedFor = WaitedFor> extends LockWaiter<Place> {
  /** What it has; released when the other one is granted. */
  readonly held: Lock

  constructor(entry: Place, request: LockRequest, arrival: number, deadlines: Deadlines, held: Lock) {
    super(entry, request, arrival, deadlines)
    this.held = held
    entry.queue.remove(this)
    entry.queue.addFirst(this)
  }
}
