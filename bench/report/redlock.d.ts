/** What of the package is used. It has types, which its `exports` do not show to a module. */
declare module 'redlock' {
  import type { Redis } from 'ioredis'

  export default class Redlock {
    constructor(clients: Redis[], settings?: { retryCount?: number })
    acquire(resources: string[], durationMs: number): Promise<{ release(): Promise<unknown> }>
  }
}
