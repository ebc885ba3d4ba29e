import type { Clock } from '../../base/clock.js'
import type { Deadlines } from '../../base/deadlines.js'
import type { LockSource } from '../locks/lock-source.js'
import type { PermitSource } from '../locks/own-calls.js'
import type { KnownTexts } from '../sql/known-texts.js'
import type { AbortControllers } from './abort-controllers.js'
import type { ServerSettings } from '../client/client-settings.js'
import type { Evaluator, Passing } from '../upstream/passing.js'

/** The parts that all sessions share. */
export interface ClientSessionHost<ClientSession> {
  readonly clock: Clock
  readonly aborts: AbortControllers
  readonly texts: KnownTexts
  readonly deadlines: Deadlines
  readonly server: ServerSettings & { readonly version: string; readonly database: string }
  readonly source: LockSource & PermitSource
  readonly evaluator: Evaluator
  /** Null if other statements are refused. */
  readonly passingFor:
    ((session: ClientSession, allSessions: () => Iterable<ClientSession>) => Passing) | null
  readonly mayPin: boolean
  /** How long a client may be silent. Infinity means forever. */
  readonly idleTimeoutMs: number
  /** All sessions, including the one that asks. */
  allSessions(): Iterable<ClientSession>
  /** Called when the session is over. */
  ended(session: ClientSession): void
  /** Called with bugs of lockpool. */
  readonly failed: (error: unknown) => void
}
