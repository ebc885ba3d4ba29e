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
