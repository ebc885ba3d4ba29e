/** The identity of a server, as far as it is known. */
export interface ServerName {
  /** The address that the connection used: `host:port`. */
  readonly host: string
  /** For PostgreSQL: the timeline, which grows with each promotion. */
  readonly timeline: number | null
  /** For PostgreSQL: the system identifier, which a primary shares with its standbys. */
  readonly system: string | null
  /** When the server started, in its own text. It changes with every start. */
  readonly started: string | null
  /** For MySQL and MariaDB: the id of this server, which stays the same after a restart. */
  readonly instance: string | null
}
