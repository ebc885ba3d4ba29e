export type Release = () => Promise<unknown>

/** A way to lock from one process, set up as its users would. */
export interface Contender {
  /** Waits for the lock. Returns the function that releases it. */
  lock(key: string): Promise<Release>
  /** The number of its connections that the server sees. */
  connections(): Promise<number>
  close(): Promise<void>
}

/** Where the servers are. */
export interface Servers {
  readonly postgres: string
  /** Null without a Redis. Entrants that need it are then left out. */
  readonly redis: string | null
}

export interface Entrant {
  readonly name: string
  /** What it is and how it was set up, in a phrase. */
  readonly setUp: string
  readonly needsRedis: boolean
  /** The most locks that it can hold at once. The report does not try more. */
  readonly mostHeld: number
  open(servers: Servers): Promise<Contender>
}

/** The connection limit of entrants with a connection per lock. The server allows 200, and other sessions need some. */
export const MOST_CONNECTIONS = 100

/** The connections of entrants with a pool. */
export const POOL_SIZE = 10
