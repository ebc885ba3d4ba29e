import type { Session } from '../session/session.js'
import type { Tenant } from '../session/tenant.js'

/** The sessions of this process, to one that would stand in line: it needs one for itself, because others would wait as well. */
export interface Line {
  /** Whether there is a session that it can have for itself now. */
  mayLineUp(entry: Tenant): boolean
  /** Puts it on that session, off the one that it is on; null if there is none any more. */
  assignAlone(entry: Tenant): Session | null
  /** How long it may wait there. Less where nobody else could have a session meanwhile. */
  longestWaitMs(session: Session): number
  /** It would stand in line, if there were a session for it. */
  wantAlone(): void
}
