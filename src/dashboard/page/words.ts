import type { AgeJson, SessionJson } from '../state-json.js'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/**
 * A duration, short enough to read at a glance. Same as `durationInWords` of the inspection, which the page can't import: the
 * server serves only the page's own folder. `0.4 ms`, `340 ms`, `4.2 s`, `3 m 12 s`, `2 h 5 m`, `3 d 4 h`.
 */
export function duration(ms: number): string {
  if (ms < 1) return ms === 0 ? '0 ms' : `${ms.toPrecision(1)} ms`
  if (ms < SECOND_MS) return `${Math.floor(ms)} ms`
  if (ms < 10 * SECOND_MS) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)} s`
  if (ms < HOUR_MS) return inTwo(ms, MINUTE_MS, 'm', SECOND_MS, 's')
  if (ms < DAY_MS) return inTwo(ms, HOUR_MS, 'h', MINUTE_MS, 'm')
  return inTwo(ms, DAY_MS, 'd', HOUR_MS, 'h')
}

function inTwo(ms: number, unit: number, name: string, smaller: number, smallerName: string): string {
  const rest = Math.floor((ms % unit) / smaller)
  const whole = `${Math.floor(ms / unit)} ${name}`
  return rest === 0 ? whole : `${whole} ${rest} ${smallerName}`
}

/** `4 s` if it is exact, else its limits: `≥ 4 s`, `≤ 3 m`, `12 s – 3 m`; empty if nothing is known. */
export function age({ atLeastMs, atMostMs }: AgeJson): string {
  if (atMostMs === null) return atLeastMs === 0 ? '' : `≥ ${duration(atLeastMs)}`
  if (atLeastMs === atMostMs || duration(atLeastMs) === duration(atMostMs)) return duration(atMostMs)
  return atLeastMs === 0 ? `≤ ${duration(atMostMs)}` : `${duration(atLeastMs)} – ${duration(atMostMs)}`
}

export function count(number: number, one: string, many: string): string {
  return number === 1 ? `1 ${one}` : `${grouped(number)} ${many}`
}

/** `12 345`, with a space that does not break. */
export function grouped(number: number): string {
  return String(number).replace(/\B(?=(?:\d{3})+$)/g, '\u202f')
}

/** `billing · 10.0.0.7`; for an unknown session its pid. */
export function sessionName(session: SessionJson | undefined, pid: number | null): string {
  return applicationName(session, pid) + hostWords(session, pid)
}

/** `billing`; for an unknown session its pid. */
export function applicationName(session: SessionJson | undefined, pid: number | null): string {
  if (pid === 0) return 'a prepared transaction'
  if (session === undefined) return pid === null ? 'this process' : `pid ${pid}`
  return session.application === '' ? 'no name' : session.application
}

/** ` · 10.0.0.7`, or nothing. */
export function hostWords(session: SessionJson | undefined, pid: number | null): string {
  return pid === 0 || !session || session.host === null ? '' : ` · ${session.host}`
}

/** `88 on web-3`, the client process; null if it is unknown. */
export function processName(session: SessionJson | undefined): string | null {
  return session?.process ? `${session.process.id} on ${session.process.host}` : null
}

/** The activity of a session in one line. A lock session sends heartbeats, so its state says nothing. */
export function sessionState({ isLockSession, state, stateMs }: SessionJson): string {
  if (isLockSession) return 'a lock session of lockpool'
  if (state === null) return 'state not visible to this role'
  return stateMs === null ? state : `${state} for ${duration(stateMs)}`
}
