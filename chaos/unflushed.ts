import pg from 'pg'
import { DELAY_FLUSHES, DRAW, OWN_PID } from './chaos-sql.js'

/** Every 33rd draw writes a log record ahead. */
const MOST_DRAWS = 40

/**
 * Brings a server to a state in which other sessions draw tokens without any log record on disk. It stops a session
 * that must write ahead, before the write. The session holds the lock that every flush needs, so no session can flush
 * any more. The server must then crash: call `kill`.
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
    // Before a flush, the session sleeps for a tenth of a second while it holds the lock.
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

  /** Kills a process of the server, so the server ends all its processes and recovers. */
  kill(): void {
    process.kill(this.#pid, 'SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end().catch(() => undefined)
  }
}
