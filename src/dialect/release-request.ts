/** Another program asks the holder of a lock to release it. */
export interface ReleaseRequest {
  /** The server's id of the lock session that holds it. */
  readonly serverId: number
  /** The id of the key, or of the semaphore. */
  readonly keyId: string
  /** The number of the permit, from 1; null for a lock. */
  readonly permit: number | null
  /** Why, in the words of the asking program. */
  readonly reason: string | null
}
