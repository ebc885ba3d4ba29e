/**
 * What is locked: a name, hashed within the pool's namespace, or a raw key of the database itself, so that a program in
 * another language can share the lock. For PostgreSQL that is one `bigint` or a pair of 32-bit integers, exactly the
 * arguments of `pg_advisory_lock`. For named locks of MariaDB and MySQL it is a list with one name, exactly the first
 * argument of `GET_LOCK`, which counts for the whole server.
 */
export type LockKey = string | bigint | readonly [number, number] | readonly [string]

/** `exclusive`: one holder. `shared`: any number of readers. */
export type LockMode = 'exclusive' | 'shared'

/** A key in the form of a dialect. Two keys exclude each other if and only if their `id`s are equal. */
export interface KeyCode {
  readonly id: string
  /**
   * A 32-bit hash, which differs for nearly all pairs of keys and costs nearly nothing where an id is costly to make.
   * Either all keys of a dialect have one, and the dialect has `hashOf`, or none has.
   */
  readonly hash?: number
  /** Why it is never held in shared mode; absent for nearly all keys. */
  readonly noSharing?: string
}
