import type { Lease } from './lease.js'

/** What an attempt to open a connection has found out, though it came to nothing. */
export interface Progress {
  /** In words. */
  readonly said: string
  /** When another try makes sense, if that is known. */
  readonly retryAfterMs: number | null
}

/**
 * What the pool has to be told about the connections it keeps. Only `open` and `close` are needed; the pool never looks
 * inside a connection. A method that throws or rejects costs the connection it was called for, and one that never answers
 * as well, within `connectTimeoutMs` or `closeTimeoutMs`; the pool and its other connections go on.
 */
export interface ConnectionFactory<C extends object> {
  /** Opens one. The signal aborts when the time for it is up or the pool closes; a late result is closed unseen. */
  open(signal: AbortSignal): Promise<C>

  /** What the attempt with this signal has found out so far, for the message of one that is given up; null if nothing. */
  progress?(signal: AbortSignal): Progress | null

  /** Ends one politely, and resolves when the server has let go of it: until then it counts against `max`. */
  close(connection: C): Promise<void>

  /** Ends one at once, without a word to the server: for when `close` takes too long or the pool is out of patience. */
  destroy?(connection: C): void

  /** Resolves, in bounded time, when nothing of what `close` and `destroy` began is under way any more: asked by `close` of the pool. */
  settled?(): Promise<void>

  /**
   * Rejects, or answers `false`, if the connection is no longer good. Asked only after it has idled for `checkAfterIdleMs`.
   */
  check?(connection: C): Promise<void | boolean>

  /**
   * Called on every return. `null` means that it is clean, and must cost nothing to find out. Otherwise the promise
   * makes it clean and answers what was found; if it rejects, the connection is closed. Who cleans behind the borrower, so that
   * the next one need not wait for it, answers `null` and tells what was found with `tell`, at any later time.
   */
  clean?(connection: C, tell: (found: readonly string[]) => void): Promise<readonly string[]> | null

  /** Lets the pool learn, at once and however the connection is being used, that it has ended by itself. */
  onEnd?(connection: C, ended: (cause: Error) => void): void

  /**
   * Wraps a connection for one borrower. Without it the pool puts `release` on the connection itself: cheap, but then a
   * borrower who keeps the connection after releasing it can still use it.
   */
  lease?(connection: C, lease: Lease): C & Lease

  /** With `allowExitOnIdle`: from now on the connection keeps the process from ending, as it does when it is opened. */
  ref?(connection: C): void

  /** With `allowExitOnIdle`: it idles, and does not keep the process from ending. */
  unref?(connection: C): void
}
