/** Who a client is. */
export interface Identity {
  readonly user: string
  readonly database: string
  /** `host:port`. */
  readonly address: string
  /** By which a cancel names it, and which `pg_backend_pid()` answers. */
  readonly processId: number
  readonly secret: number
}
