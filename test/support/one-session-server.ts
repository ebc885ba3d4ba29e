import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { Frames, letter } from './wire-frames.js'

/** A client, and the messages that it has sent since its last Sync or Query. */
interface Guest {
  readonly socket: Socket
  readonly frames: Frames
  question: Buffer[]
}

/** AuthenticationOk. Later clients log in without a password, because the first one has logged in. */
const WELCOME = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0])

/**
 * A server with one session for all its connections, as in PGlite's socket server. The session runs the requests of all
 * clients one after the other, and all get the same process id and key.
 */
export class OneSessionServer implements AsyncDisposable {
  readonly #target: URL
  readonly #server: Server
  readonly #backend: Socket
  readonly #sockets = new Set<Socket>()
  readonly #questions: { readonly from: Guest; readonly frames: readonly Buffer[] }[] = []
  /** The messages with parameters and the key from the first login. The server sends them to every client. */
  readonly #greeting: Buffer[] = []
  #first: Guest | null = null
  #asking: Guest | null = null
  #isOpen = false

  private constructor(target: string) {
    this.#target = new URL(target)
    this.#server = createServer((socket) => this.#accept(socket))
    this.#backend = connect(Number(this.#target.port), this.#target.hostname)
    this.#backend.on('error', () => undefined)
    const frames = new Frames()
    this.#backend.on('data', (bytes) => {
      for (const frame of frames.cut(bytes)) this.#fromServer(frame)
    })
  }

  static async to(target: string): Promise<OneSessionServer> {
    const server = new OneSessionServer(target)
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get url(): string {
    const url = new URL(this.#target)
    url.hostname = '127.0.0.1'
    url.port = String((this.#server.address() as AddressInfo).port)
    return url.href
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#backend.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(socket: Socket): void {
    const guest: Guest = { socket, frames: new Frames(), question: [] }
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#sockets.delete(socket))
    socket.once('data', (startup) => {
      if (this.#first === null) {
        this.#first = guest
        this.#backend.write(startup)
      } else {
        socket.write(Buffer.concat([WELCOME, ...this.#greeting]))
      }
      socket.on('data', (bytes) => {
        for (const frame of guest.frames.cut(bytes)) this.#fromGuest(guest, frame)
      })
    })
  }

  #fromGuest(guest: Guest, frame: Buffer): void {
    if (letter(frame) === 'X') return void guest.socket.end()
    if (!this.#isOpen) return void this.#backend.write(frame)
    guest.question.push(Buffer.from(frame))
    if (letter(frame) !== 'Q' && letter(frame) !== 'S') return
    this.#questions.push({ from: guest, frames: guest.question })
    guest.question = []
    this.#askNext()
  }

  #askNext(): void {
    if (this.#asking !== null) return
    const next = this.#questions.shift()
    if (next === undefined) return
    this.#asking = next.from
    this.#backend.write(Buffer.concat(next.frames))
  }

  #fromServer(frame: Buffer): void {
    const isReady = letter(frame) === 'Z'
    if (!this.#isOpen) {
      if ('KSZ'.includes(letter(frame))) this.#greeting.push(Buffer.from(frame))
      this.#first!.socket.write(frame)
      this.#isOpen = isReady
      return
    }
    this.#asking?.socket.write(frame)
    if (!isReady) return
    this.#asking = null
    this.#askNext()
  }
}
