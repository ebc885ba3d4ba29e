export type Release = () => Promise<unknown>

/** A way to lock from one process, as its users would set it up. */
export interface Contender {
  /** Waits until it has the lock. */
  lock(key: string): Promise<Release>
  /** How many connections the server sees of it. */
  connections(): Promise<number>
  close(): Promise<void>
}

/** Where the servers are. */
export interface Servers {
  readonly postgres: string
  /** Null if there is none: who needs it is left out. */
  readonly redis: string | null
}

export interface Entrant {
  readonly name: string
  /** In a sentence: what it is and how it was set up. */
  readonly setUp: string
  readonly needsRedis: boolean
  /** How many locks it can hold at once; more are not tried. */
  readonly mostHeld: number
  open(servers: Servers): Promise<Contender>
}

/** Connections of those who take one for each lock: the server has room for 200, and others need some. */
export const MOST_CONNECTIONS = 100

/** Of those who have a pool. */
export const POOL_SIZE = 10
