import type { ServerSession, ServerState } from '../dialect/server-state.js'

export type SessionLookup = (pid: number) => ServerSession

/** Locks and sessions are read one after the other: a session may have ended in between, or belong to another database. */
export function sessionLookup(
  sessions: readonly ServerSession[],
  reports: ServerState['reports'],
): SessionLookup {
  const byPid = new Map(
    sessions.map((session) => [
      session.pid,
      { ...session, process: reports?.get(session.pid)?.process ?? null },
    ]),
  )
  return (pid) => byPid.get(pid) ?? unknownSession(pid)
}

function unknownSession(pid: number): ServerSession {
  return {
    pid,
    application: pid === 0 ? 'a prepared transaction' : '',
    host: null,
    user: null,
    state: null,
    waitsFor: null,
    query: null,
    startedAt: null,
    process: null,
    sessionMs: null,
    transactionMs: null,
    stateMs: null,
    isLockSession: false,
  }
}
