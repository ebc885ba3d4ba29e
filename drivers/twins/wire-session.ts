import type { Socket } from 'node:net'
import pg from 'pg'
import { describe, encode, type Frame } from './frames.js'

const TIMEOUT_MS = 20_000

/** A session that sends hand-written messages. The driver only logs in. */
export class WireSession {
  readonly #socket: Socket
  #unread: Buffer = Buffer.alloc(0)
  #wake: (() => void) | null = null
  #hasEnded = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.removeAllListeners('data')
    socket.on('data', (chunk: Buffer) => {
      this.#unread = Buffer.concat([this.#unread, chunk])
      this.#wake?.()
    })
    socket.on('close', () => {
      this.#hasEnded = true
      this.#wake?.()
    })
  }

  static async open(port: number): Promise<WireSession> {
    const login = { host: '127.0.0.1', port, user: 'app', password: 'secret', database: 'app' }
    // A short lock_timeout, so that no session waits for long. RESET restores it.
    const client = new pg.Client({ ...login, options: '-c lock_timeout=120' })
    client.on('error', () => undefined)
    await client.connect()
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
    return new WireSession(stream)
  }

  /** Sends the frames, and returns all answers up to the ReadyForQuery of each Sync and Query. */
  async ask(frames: readonly Frame[]): Promise<readonly string[]> {
    this.#socket.write(Buffer.concat(frames.map(encode)))
    let expected = frames.filter((frame) => frame.is === 'sync' || frame.is === 'query').length
    const answers: string[] = []
    while (expected > 0) {
      const answer = await this.#next()
      answers.push(answer)
      if (answer.startsWith('Z')) expected--
      if (answer === 'the end' || answer === 'silence') return answers
    }
    return answers
  }

  end(): void {
    this.#socket.destroy()
  }

  async #next(): Promise<string> {
    for (;;) {
      const length = this.#unread.length >= 5 ? this.#unread.readInt32BE(1) + 1 : Infinity
      if (this.#unread.length >= length) {
        const type = String.fromCharCode(this.#unread[0]!)
        const body = this.#unread.subarray(5, length)
        this.#unread = this.#unread.subarray(length)
        return describe(type, body)
      }
      if (this.#hasEnded) return 'the end'
      if (!(await this.#more())) return 'silence'
    }
  }

  #more(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), TIMEOUT_MS)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = null
        resolve(true)
      }
    })
  }
}
