export interface SqlErrorDetails {
  readonly detail?: string
  readonly hint?: string
  readonly position?: number
  readonly cause?: unknown
}

/** The answer to a client's statement: an error with its SQLSTATE. The session continues. */
export class SqlError extends Error {
  static {
    this.prototype.name = 'SqlError'
  }

  /** The SQLSTATE. */
  readonly state: string
  readonly detail: string | undefined
  readonly hint: string | undefined
  /** The position of the error in the query string, in characters from 1. */
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
