import { connect, type Socket } from 'node:net'
import pg from 'pg'

const CONNECT_MS = 3000

/** The length of a CancelRequest, and the code that replaces the protocol version. */
const CANCEL_LENGTH = 16
const CANCEL_CODE = 80_877_102

/** What an answer of a front means for its caller. Any other answer is a bug. */
const CODES: Readonly<Record<string, string>> = {
  '55P03': 'LOCK_TIMEOUT',
  '57014': 'ABORTED',
  '57P01': 'CONNECTION_FAILED',
  '57P03': 'CONNECTION_FAILED',
  '08006': 'CONNECTION_FAILED',
}

/** A connection of a program to `lockpool serve`, with a usual driver for PostgreSQL. */
export class FrontSession {
  readonly #client: pg.Client
  readonly #port: number
  readonly #over: () => void
  #isOver = false

  private constructor(url: string, name: string, over: () => void) {
    this.#port = Number(new URL(url).port)
    this.#over = over
    this.#client = new pg.Client({
      connectionString: url,
      application_name: name,
      connectionTimeoutMillis: CONNECT_MS,
    })
    this.#client.on('error', () => this.#ended())
    this.#client.on('end', () => this.#ended())
  }

  /** Null if there is no front at the moment. `over` is called once, when the connection and all its locks have ended. */
  static async open(url: string, name: string, over: () => void): Promise<FrontSession | null> {
    const session = new FrontSession(url, name, over)
    try {
      await session.#client.connect()
      // The driver reports the end only after the socket is closed.
      session.#socket.on('end', () => session.#ended())
      return session.#isOver ? null : session
    } catch {
      session.destroy()
      return null
    }
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /**
   * The first value of the answer. `key` is sent as a parameter, or inside the text. If no answer comes within `limitMs`, the
   * connection cannot be used any more.
   *
   * @throws {Error} see `codeOf`
   */
  async ask(text: string, key: string | null, limitMs: number): Promise<unknown> {
    try {
      const query = { text, rowMode: 'array', query_timeout: limitMs, ...(key !== null && { values: [key] }) }
      const { rows } = (await this.#client.query(query)) as pg.QueryArrayResult
      return rows[0]?.[0]
    } catch (error) {
      if (isFatal(error)) this.destroy()
      throw error
    }
  }

  /** Cancels the running statement on a separate connection, as drivers do. */
  cancel(): void {
    const { processID, secretKey } = this.#client as unknown as { processID: number; secretKey: number }
    const request = Buffer.alloc(CANCEL_LENGTH)
    for (const [at, word] of [CANCEL_LENGTH, CANCEL_CODE, processID, secretKey].entries())
      request.writeInt32BE(word, at * 4)
    const socket = connect(this.#port, '127.0.0.1', () => socket.end(request))
    socket.on('error', () => undefined)
  }

  /** Closes the connection in an orderly way. */
  async end(): Promise<void> {
    if (this.#isOver) return
    this.#ended()
    const enough = setTimeout(() => this.#socket.destroy(), CONNECT_MS)
    await this.#client.end().catch(() => undefined)
    clearTimeout(enough)
  }

  /** Closes the connection like a program that dies. */
  destroy(): void {
    this.#ended()
    this.#socket.destroy()
  }

  get #socket(): Socket {
    return (this.#client as unknown as { connection: { stream: Socket } }).connection.stream
  }

  #ended(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#over()
  }
}

function isFatal(error: unknown): boolean {
  // Errors of the driver mean that there is no connection any more, or no answer.
  return !(error instanceof pg.DatabaseError) || error.severity === 'FATAL'
}

/** The error code that a caller of a pool would get. */
export function codeOf(error: unknown): string {
  if (error instanceof pg.DatabaseError) {
    const code = CODES[error.code ?? '']
    return code ?? `${error.code}: ${error.message}`
  }
  return (error as Error).message === 'Query read timeout' ? 'NO_ANSWER' : 'CONNECTION_FAILED'
}
