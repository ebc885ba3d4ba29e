import type { Session } from './session.js'
import type { SessionRequester } from './session-requester.js'

/**
 * The sessions, as seen by an entry that wants to wait in the server's queue: it needs one without other keys, because
 * they would wait as well.
 */
export interface ServerQueue {
  /** Whether there is a session that the entry can have to itself now. */
  mayEnqueue(entry: SessionRequester): boolean
  /** Moves the entry to that session; null if there is none any more. */
  assignAlone(entry: SessionRequester): Session | null
  /** How long the entry may wait there: less if no other key could have a session meanwhile. */
  longestWaitMs(session: Session): number
  /** A session that does not wait in the queue; null if each of them does, or there is none. */
  leastUsed(): Session | null
  /** Whether the server may be asked now who waits in its queue. The look is costly, and polls are many. */
  mayLook(): boolean
  /** The entry would wait in the queue if it had a session to itself. */
  wantAlone(): void
}
