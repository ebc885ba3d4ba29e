/**
 * What is locked: a name, hashed within the pool's namespace, or a raw key of the database itself, so that a program in
 * another language can share the lock. For PostgreSQL that is one `bigint` or a pair of 32-bit integers, exactly the
 * arguments of `pg_advisory_lock`.
 */
export type LockKey = string | bigint | readonly [number, number]

/** Held by one holder, or together with other readers. */
export type LockMode = 'exclusive' | 'shared'

/** A key as a dialect speaks of it. Two keys exclude each other if and only if their `id`s are equal. */
export interface KeyCode {
  readonly id: string
  /**
   * 32 bits that tell keys apart nearly always, and nearly at no cost, where an id is costly to make. A dialect gives one to
   * each of its keys, and has `hashOf`, or to none.
   */
  readonly hash?: number
}
