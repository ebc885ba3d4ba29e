/** The first message to a worker, with all its parameters. Every user of the host could read arguments. */
export interface WorkerOrders {
  readonly url: string
  readonly applicationName: string
  readonly namespace: string
  readonly schema: string
  readonly accounts: number
  readonly tasks: number
  readonly connections: number
}

/** Later messages to a worker. */
export type WorkerCommand =
  | { readonly do: 'start'; readonly withLocks: boolean }
  /** No new transfers: the worker sends its last report when the running ones are done. */
  | { readonly do: 'stop' }
  /** Close the pool, and exit. */
  | { readonly do: 'leave' }

/** The work of a worker since its last start. */
export interface WorkerReport {
  readonly transfers: number
  readonly acquired: number
  readonly handedOff: number
  readonly lost: number
  /** Writes that were refused because of a later token, although the locks were held. */
  readonly refused: number
  /** How many locks it holds now. */
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
