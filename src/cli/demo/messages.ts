/** What a worker is told first: everything it has to know. Not as an argument, which every user of the host could read. */
export interface WorkerOrders {
  readonly url: string
  readonly applicationName: string
  readonly namespace: string
  readonly schema: string
  readonly accounts: number
  readonly tasks: number
  readonly connections: number
}

/** What a worker is told later. */
export type WorkerCommand =
  | { readonly do: 'start'; readonly withLocks: boolean }
  /** No new transfers: answers with its last report when those under way are done. */
  | { readonly do: 'stop' }
  /** Close the pool, and go. */
  | { readonly do: 'leave' }

/** What a worker has done since it was started the last time. */
export interface WorkerReport {
  readonly transfers: number
  readonly acquired: number
  readonly handedOff: number
  readonly lost: number
  /** Writes that somebody with a later token had forestalled, although the locks were held. */
  readonly refused: number
  /** At this moment. */
  readonly held: number
  readonly waiting: number
  /** Counts of a WaitHistogram. */
  readonly waits: readonly number[]
}

export type WorkerMessage =
  | { readonly is: 'ready' }
  | { readonly is: 'report'; readonly report: WorkerReport }
  | { readonly is: 'stopped'; readonly report: WorkerReport }
  /** `code` is that of the error, null if it has none. */
  | { readonly is: 'failed'; readonly code: string | null; readonly message: string }
