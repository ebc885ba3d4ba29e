/** What tells one server from another, as far as it can be told. */
export interface ServerName {
  /** As it was connected to: `host:port`. */
  readonly host: string
  /** Of PostgreSQL: it grows with each promotion. */
  readonly timeline: number | null
  /** Of the cluster: the same for a primary and its standbys. */
  readonly system: string | null
  /** Another one after each start. */
  readonly started: string | null
  /** Of this one server, where it has a name for itself: of MySQL and MariaDB. It stays over a start. */
  readonly instance: string | null
}
