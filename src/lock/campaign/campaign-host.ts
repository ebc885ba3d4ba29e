import type { Clock } from '../../base/clock.js'
import type { Emitter } from '../../base/emitter.js'
import type { Random } from '../../base/random.js'
import type { LeaderInfo } from '../../dialect/leader.js'
import type { ConnectOptions } from '../../pool/connect-request.js'
import type { Lock } from '../handle/lock.js'
import type { LockEvents } from '../lock-events.js'

/** What a campaign needs from its pool. */
export interface CampaignHost {
  readonly clock: Clock
  readonly random: Random
  readonly events: Emitter<LockEvents>
  /** Waits for the key without a limit. */
  acquire(signal: AbortSignal): Promise<Lock>
  /** Records the leader; resolves after the first attempt, and never rejects. */
  announce(lock: Lock, name: string, term: AbortSignal): Promise<void>
  leader(options: ConnectOptions): Promise<LeaderInfo | null>
  warn(message: string, error?: Error): void
}
