import type { ServerSession } from '../dialect/server-state.js'
import type { LockHolder } from './server-lock.js'
import { durationInWords } from './durations-in-words.js'

/** `billing (pid 4711, client 10.0.0.7)` */
export function sessionInWords({ pid, application, host }: ServerSession): string {
  if (pid === 0) return 'a prepared transaction'
  const name = application === '' ? 'a session without a name' : application
  return `${name} (pid ${pid}${host === null ? '' : `, client ${host}`})`
}

/** For a column whose title explains the two: `billing (4711, 10.0.0.7)` */
export function sessionInBrief({ pid, application, host }: ServerSession): string {
  if (pid === 0) return 'a prepared transaction'
  return `${application === '' ? 'no name' : application} (${pid}${host === null ? '' : `, ${host}`})`
}

/**
 * Its activity and for how long; null if this role may not see it. A lock session sends heartbeats, so its state says
 * nothing.
 */
export function stateInWords({ isLockSession, state, stateMs }: ServerSession): string | null {
  if (isLockSession) return 'a lock session of lockpool'
  if (state === null || stateMs === null) return state
  return `${state} for ${durationInWords(stateMs)}`
}

/** `process 88 on web-3`: the client process, if it is known. The pid in `sessionInWords` is the one of the server's backend. */
export function processInWords({ process }: ServerSession): string | null {
  return process ? `process ${process.id} on ${process.host}` : null
}

/** `12 s`, `>= 12 s`, `<= 3 m`, `12 s to 3 m`; null if nothing is known. */
export function heldInWords({
  atLeastMs,
  atMostMs,
}: Pick<LockHolder, 'atLeastMs' | 'atMostMs'>): string | null {
  if (atMostMs === null) return atLeastMs === 0 ? null : `>= ${durationInWords(atLeastMs)}`
  const most = durationInWords(atMostMs)
  if (atLeastMs === atMostMs) return most
  if (atLeastMs === 0) return `<= ${most}`
  const least = durationInWords(atLeastMs)
  return least === most ? most : `${least} to ${most}`
}
