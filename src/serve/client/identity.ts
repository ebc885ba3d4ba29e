/** The identity of a client. */
export interface Identity {
  readonly user: string
  readonly database: string
  /** `host:port`. */
  readonly address: string
  /** The id that a cancel request names, and that `pg_backend_pid()` returns. */
  readonly processId: number
  readonly secret: number
}
