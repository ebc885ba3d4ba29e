/** The part of the package that the report uses. The package has types, but its `exports` hide them from modules. */
declare module 'redlock' {
  import type { Redis } from 'ioredis'

  export default class Redlock {
    constructor(clients: Redis[], settings?: { retryCount?: number })
    acquire(resources: string[], durationMs: number): Promise<{ release(): Promise<unknown> }>
  }
}
