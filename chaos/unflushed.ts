import pg from 'pg'
import { DELAY_FLUSHES, DRAW, OWN_PID } from './chaos-sql.js'

/** Every 33rd draw writes ahead. */
const MOST_DRAWS = 40

/**
 * Brings a server to where others draw tokens of which nothing is on the disk: a session that has to write ahead is stopped
 * before it does. It has the lock that every flush needs, so nobody can flush any more. The server must then be crashed:
 * `kill` is the way.
 */
export class UnflushedDraw implements AsyncDisposable {
  readonly #client: pg.Client
  readonly #pid: number

  private constructor(client: pg.Client, pid: number) {
    this.#client = client
    this.#pid = pid
  }

  static async on(url: string): Promise<UnflushedDraw> {
    const client = new pg.Client(url)
    client.on('error', () => undefined)
    await client.connect()
    // Before a flush it sleeps a tenth of a second, with the lock in its hands.
    await client.query(DELAY_FLUSHES)
    const { rows } = await client.query<{ pid: number }>(OWN_PID)
    const { pid } = rows[0]!
    for (let draws = 0; draws < MOST_DRAWS; draws++) {
      let isAnswered = false
      const drawn = client.query(DRAW).then(
        () => (isAnswered = true),
        () => undefined,
      )
      await Promise.race([drawn, new Promise((resolve) => setTimeout(resolve, 40))])
      if (isAnswered) continue
      process.kill(pid, 'SIGSTOP')
      return new UnflushedDraw(client, pid)
    }
    throw new Error('no draw writes ahead: does the server flush?')
  }

  /** A process of the server dies, and so the server ends all of them and recovers. */
  kill(): void {
    process.kill(this.#pid, 'SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end().catch(() => undefined)
  }
}
