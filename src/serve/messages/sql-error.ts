export interface SqlErrorDetails {
  readonly detail?: string
  readonly hint?: string
  readonly position?: number
  readonly cause?: unknown
}

/** What a client's statement is answered with: an error with its SQLSTATE, after which the session goes on. */
export class SqlError extends Error {
  static {
    this.prototype.name = 'SqlError'
  }

  /** The SQLSTATE. */
  readonly state: string
  readonly detail: string | undefined
  readonly hint: string | undefined
  /** Of the mistake in the query string, in characters from 1 on. */
  readonly position: number | undefined

  constructor(state: string, message: string, more: SqlErrorDetails = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.state = state
    this.detail = more.detail
    this.hint = more.hint
    this.position = more.position
  }
}

/** An error after which the connection ends. */
export class FatalError extends SqlError {
  static {
    this.prototype.name = 'FatalError'
  }
}
