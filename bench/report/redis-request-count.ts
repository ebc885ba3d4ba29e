import { Redis } from 'ioredis'
import type { RequestCount } from '../request-count.js'

const READS = /^total_reads_processed:(\d+)/m

/**
 * Counts the requests to a Redis by the reads of its clients. Each client waits for its answer, so each command is one
 * read.
 */
export class RedisRequestCount implements RequestCount {
  readonly #client: Redis
  #own = 0

  private constructor(client: Redis) {
    this.#client = client
  }

  static async at(url: string): Promise<RedisRequestCount> {
    const client = new Redis(url, { lazyConnect: true })
    await client.connect()
    return new RedisRequestCount(client)
  }

  async now(): Promise<number> {
    const stats = await this.#client.info('stats')
    this.#own++
    return Number(READS.exec(stats)![1]) - this.#own
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.quit()
  }
}
