/** A process, as its host knows it. */
export interface ProcessName {
  /** The name of the host. */
  readonly host: string
  /** Its process id there. */
  readonly id: number
}

/**
 * What a lockpool says of one of its sessions. The server knows that the session has a key, and neither since when nor for
 * whom: only the process knows.
 */
export interface SessionReport {
  /** What the server calls the session. */
  readonly serverId: number
  readonly process: ProcessName
  /** By the ids of their keys; of a semaphore, those of its slots. Of several readers of one key the first. */
  readonly holds: ReadonlyMap<string, ReportedHold>
  /** By the ids of keys and of semaphores. Of several callers the one who has waited longest. */
  readonly waits: ReadonlyMap<string, ReportedWait>
  /** A hold that is missing here is not older than this; null where that can't be said. */
  readonly completeFromMs: number | null
}

export interface ReportedHold {
  readonly heldMs: number
  /** What it is for: see `AcquireOptions.label`. */
  readonly label: string | null
}

export interface ReportedWait {
  readonly waitedMs: number
  readonly label: string | null
  /** How many wait in this process. */
  readonly callers: number
}

/** What a process writes down of one session. A content that is null is that of before. */
export interface ReportRow {
  readonly serverId: number
  readonly content: string | null
}

/** Of holds, and of waits. Whoever has more says of the oldest. */
const MOST_TOLD = 500

/**
 * As it is written down: in ASCII, because a database may have an encoding that lacks what a label has. It says since when,
 * by the clock that `nowMs` is of, so it stays the same as long as the same is held.
 */
export function encodeReport(
  { process, holds, waits, completeFromMs }: SessionReport,
  nowMs: number,
): string {
  const since = (ms: number): number => Math.round(nowMs - ms)
  const held = [...holds].map(([key, { heldMs, label }]) => [key, since(heldMs), label] as const)
  const waiting = [...waits].map(
    ([key, { waitedMs, label, callers }]) => [key, since(waitedMs), label, callers] as const,
  )
  const isComplete = held.length <= MOST_TOLD
  return toAscii(
    JSON.stringify({
      process,
      holds: oldest(held),
      waits: oldest(waiting),
      completeFromMs: isComplete ? completeFromMs : null,
    }),
  )
}

function oldest<Row extends readonly [string, number, ...unknown[]]>(rows: Row[]): Row[] {
  return rows.length <= MOST_TOLD ? rows : rows.toSorted((a, b) => a[1] - b[1]).slice(0, MOST_TOLD)
}

/** It was true when it was sent; when it arrived, which is all that the server knows, something may have been that much older. */
const ON_THE_WAY_MS = 1000

/** Processes say again what they hold every second. What is older than this may have ended, and another may have come. */
const FRESH_MS = 5000

/**
 * What was written `ageMs` ago, when the clock of the process showed `clockMs`: what was held then was held that much longer
 * by now, if it still is. `isSame` says that the session is certainly the one it was written of. Null if it is not
 * understood, or nothing in it can be relied on any more.
 */
export function decodeReport(
  serverId: number,
  text: string,
  clockMs: number,
  ageMs: number,
  isSame: boolean,
): SessionReport | null {
  const isFresh = ageMs <= FRESH_MS
  const told = parsed(text)
  if (told === null || !(isFresh || isSame)) return null
  const { process, completeFromMs } = told
  const age = (since: number): number => Math.max(0, clockMs - since) + ageMs
  return {
    serverId,
    process: { host: process.host, id: process.id },
    holds: new Map(
      isFresh ? told.holds.map(([key, since, label]) => [key, { heldMs: age(since), label }]) : [],
    ),
    waits: new Map(
      isFresh
        ? told.waits.map(([key, since, label, callers]) => [key, { waitedMs: age(since), label, callers }])
        : [],
    ),
    completeFromMs: isFresh && completeFromMs !== null ? completeFromMs + ageMs + ON_THE_WAY_MS : null,
  }
}

interface Told {
  readonly process: ProcessName
  readonly holds: readonly (readonly [key: string, since: number, label: string | null])[]
  readonly waits: readonly (readonly [key: string, since: number, label: string | null, callers: number])[]
  readonly completeFromMs: number | null
}

/** Only roles that may use lockpool here write it, but not all of them need be of our version. */
function parsed(text: string): Told | null {
  try {
    const told = JSON.parse(text) as Partial<Told> | null
    const isNamed = typeof told?.process?.host === 'string' && typeof told.process.id === 'number'
    const isWhole = isNamed && Array.isArray(told.holds) && Array.isArray(told.waits)
    return isWhole ? (told as Told) : null
  } catch {
    return null
  }
}

function toAscii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
