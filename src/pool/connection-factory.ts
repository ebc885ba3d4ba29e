import type { Lease } from './lease.js'

/** What an attempt to open a connection found out before it failed. */
export interface Progress {
  /** The finding, in words. */
  readonly said: string
  /** After how many milliseconds another attempt makes sense; null if unknown. */
  readonly retryAfterMs: number | null
}

/**
 * How the pool handles its connections. Only `open` and `close` are needed; the pool never looks inside a connection. If a
 * method throws, rejects, or does not answer within `connectTimeoutMs` or `closeTimeoutMs`, the pool gives up the connection
 * in question. The pool and its other connections continue.
 */
export interface ConnectionFactory<C extends object> {
  /** Opens a connection. The signal aborts at the timeout or when the pool closes; a late result is closed unused. */
  open(signal: AbortSignal): Promise<C>

  /** What the attempt with this signal has found out so far, for its error message; null if nothing. */
  progress?(signal: AbortSignal): Progress | null

  /** Ends a connection in an orderly way, and resolves when the server has released it: until then it counts towards `max`. */
  close(connection: C): Promise<void>

  /** Ends a connection at once, without waiting for the server: if `close` takes too long or the pool has no more time. */
  destroy?(connection: C): void

  /** Resolves, in bounded time, when all work of `close` and `destroy` has ended. Called by `close` of the pool. */
  settled?(): Promise<void>

  /**
   * Rejects, or resolves to `false`, if the connection is no longer usable. Called only after it has been idle for
   * `checkAfterIdleMs`.
   */
  check?(connection: C): Promise<void | boolean>

  /**
   * Called at every check-in. `null` means that the connection is clean, and must cost nothing to find out. Otherwise the
   * promise cleans it and resolves to what was found; if it rejects, the connection is closed. A factory that cleans in the
   * background, so that the next borrower need not wait, returns `null` and calls `report` with what was found at any later time.
   */
  clean?(connection: C, report: (found: readonly string[]) => void): Promise<readonly string[]> | null

  /** Registers a callback for the unexpected end of the connection, whatever it is being used for. */
  onEnd?(connection: C, ended: (cause: Error) => void): void

  /**
   * Wraps a connection for one borrower. Without it the pool puts `release` on the connection itself: cheap, but then a
   * borrower that keeps the connection after releasing it can still use it.
   */
  lease?(connection: C, lease: Lease): C & Lease

  /** With `allowExitOnIdle`: from now on the connection keeps the process alive, as it does when it is opened. */
  ref?(connection: C): void

  /** With `allowExitOnIdle`: it is idle, and does not keep the process alive. */
  unref?(connection: C): void
}
