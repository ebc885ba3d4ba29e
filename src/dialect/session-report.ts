/** A process on its host. */
export interface ProcessName {
  /** The name of the host. */
  readonly host: string
  /** Its process id there. */
  readonly id: number
}

/**
 * The report of a process about one of its lock sessions. The server knows that the session has a key, but only the
 * process knows since when and for which caller.
 */
export interface SessionReport {
  /** The server's id of the session. */
  readonly serverId: number
  readonly process: ProcessName
  /**
   * By the id of the key; for a semaphore, of the slot. If several readers of this process hold a key, the first one.
   */
  readonly holds: ReadonlyMap<string, ReportedHold>
  /** By the id of the key or semaphore. If several callers wait, the one that has waited longest. */
  readonly waits: ReadonlyMap<string, ReportedWait>
  /** A hold that is missing here is at most this old. Null if that is unknown. */
  readonly completeFromMs: number | null
}

export interface ReportedHold {
  readonly heldMs: number
  /** What the lock is for: see `AcquireOptions.label`. */
  readonly label: string | null
}

export interface ReportedWait {
  readonly waitedMs: number
  readonly label: string | null
  /** How many callers of this process wait. */
  readonly callers: number
}

/** The row that a process writes for one session. A null content means that it has not changed. */
export interface ReportRow {
  readonly serverId: number
  readonly content: string | null
}

/** The maximum number of holds, and of waits, in a report. If there are more, it has the oldest. */
const MAX_ENTRIES = 500

/**
 * Encodes a report as ASCII, because a database may have an encoding that lacks characters of a label. Times are
 * absolute, on the clock of `nowMs`, so the text stays the same while the same locks are held.
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
  const isComplete = held.length <= MAX_ENTRIES
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
  return rows.length <= MAX_ENTRIES ? rows : rows.toSorted((a, b) => a[1] - b[1]).slice(0, MAX_ENTRIES)
}

/** A report was true when it was sent. The server knows only when it arrived, so ages may be larger by this much. */
const TRANSMISSION_MS = 1000

/**
 * Processes repeat their report every second. Locks of an older report may have ended, and others may have followed.
 */
const FRESH_MS = 5000

/**
 * Decodes a report that was written `ageMs` ago, when the clock of the process showed `clockMs`. Ages grow by that
 * time. `isSame` says that the session is certainly the one that the report is about. Returns null if the text can't be
 * parsed, or if nothing in it is reliable any more.
 */
export function decodeReport(
  serverId: number,
  text: string,
  clockMs: number,
  ageMs: number,
  isSame: boolean,
): SessionReport | null {
  const isFresh = ageMs <= FRESH_MS
  const report = parsed(text)
  if (report === null || !(isFresh || isSame)) return null
  const { process, completeFromMs } = report
  const age = (since: number): number => Math.max(0, clockMs - since) + ageMs
  return {
    serverId,
    process: { host: process.host, id: process.id },
    holds: new Map(
      isFresh ? report.holds.map(([key, since, label]) => [key, { heldMs: age(since), label }]) : [],
    ),
    waits: new Map(
      isFresh
        ? report.waits.map(([key, since, label, callers]) => [key, { waitedMs: age(since), label, callers }])
        : [],
    ),
    completeFromMs: isFresh && completeFromMs !== null ? completeFromMs + ageMs + TRANSMISSION_MS : null,
  }
}

interface ParsedReport {
  readonly process: ProcessName
  readonly holds: readonly (readonly [key: string, since: number, label: string | null])[]
  readonly waits: readonly (readonly [key: string, since: number, label: string | null, callers: number])[]
  readonly completeFromMs: number | null
}

/**
 * Returns null for malformed text: only roles that may use lockpool here can write it, but they may use another
 * version.
 */
function parsed(text: string): ParsedReport | null {
  try {
    const report = JSON.parse(text) as Partial<ParsedReport> | null
    const isNamed = typeof report?.process?.host === 'string' && typeof report.process.id === 'number'
    const isWhole = isNamed && Array.isArray(report.holds) && Array.isArray(report.waits)
    return isWhole ? (report as ParsedReport) : null
  } catch {
    return null
  }
}

function toAscii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
