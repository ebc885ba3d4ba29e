import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { Frames, letter } from './wire-frames.js'

export type PoolMode = 'session' | 'transaction' | 'statement'

export interface PoolerRules {
  mode: PoolMode
  /** Which free server connection the next transaction gets: the last used one, as in PgBouncer, or each in turn. */
  next: 'last used' | 'in turn'
  /** Whether clients get the key of the server's session, as if there were no pooler. */
  keepsKey: boolean
  /** Rewrites the text of each statement before the server gets it. */
  rewrite: (sql: string) => string
  /** Changes each message of the server. After a message with `last`, the rest of the connection is lost. */
  reply: (message: Buffer) => Buffer | { readonly last: Buffer }
}

/** A server connection. A client opened it and logged in, and later other clients use it. */
class Backend {
  readonly socket: Socket
  readonly frames = new Frames()
  client: Client | null = null
  isSignedIn = false

  constructor(socket: Socket) {
    this.socket = socket
  }
}

class Client {
  readonly socket: Socket
  readonly frames = new Frames()
  backend: Backend | null = null
  /** Messages that wait for a free server connection. */
  pending: Buffer[] = []
  /** The number of expected answers, and whether part of a request has been sent without its end. */
  unanswered = 0
  isMidway = false
  isSignedIn = false

  constructor(socket: Socket) {
    this.socket = socket
  }
}

/**
 * The smallest possible connection pooler. It speaks the protocol, gives clients its own key data, and assigns a server
 * connection for a session or for a transaction. Tests use it where they must not depend on an installed pooler.
 */
export class WirePooler implements AsyncDisposable {
  readonly rules: PoolerRules
  /** The type of every message that clients have sent, as letters. */
  readonly trace: string[] = []
  readonly #target: URL
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #free: Backend[] = []
  readonly #waiting: Client[] = []
  #nextKey = 1

  private constructor(target: string, rules: Partial<PoolerRules>) {
    this.#target = new URL(target)
    this.rules = {
      mode: 'transaction',
      next: 'last used',
      keepsKey: false,
      rewrite: (sql) => sql,
      reply: (message) => message,
      ...rules,
    }
    this.#server = createServer((socket) => this.#accept(socket))
  }

  static async to(target: string, rules: Partial<PoolerRules> = {}): Promise<WirePooler> {
    const pooler = new WirePooler(target, rules)
    await new Promise<void>((resolve) => pooler.#server.listen(0, '127.0.0.1', resolve))
    return pooler
  }

  /** The URL of the target through this pooler. */
  get url(): string {
    const url = new URL(this.#target)
    url.hostname = '127.0.0.1'
    url.port = String((this.#server.address() as AddressInfo).port)
    return url.href
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(socket: Socket): void {
    const client = new Client(socket)
    const backend = new Backend(connect(Number(this.#target.port), this.#target.hostname))
    client.backend = backend
    backend.client = client
    for (const each of [socket, backend.socket]) {
      this.#sockets.add(each)
      each.setNoDelay(true)
      each.on('error', () => each.destroy())
      each.on('close', () => this.#sockets.delete(each))
    }
    socket.once('data', (startup) => {
      backend.socket.write(startup)
      socket.on('data', (bytes) => {
        for (const frame of client.frames.cut(bytes)) this.#fromClient(client, frame)
      })
    })
    socket.on('close', () => this.#clientLeft(client))
    backend.socket.on('data', (bytes) => {
      for (const frame of backend.frames.cut(bytes)) this.#fromServer(backend, frame)
    })
    backend.socket.on('close', () => {
      backend.client?.socket.destroy()
      const at = this.#free.indexOf(backend)
      if (at >= 0) this.#free.splice(at, 1)
    })
  }

  #fromClient(client: Client, frame: Buffer): void {
    if (!client.isSignedIn) return void client.backend?.socket.write(frame)
    if (letter(frame) === 'X') return void client.socket.end()
    if (this.rules.mode === 'statement' && /^Q.{4}\s*BEGIN/s.test(frame.toString('latin1'))) {
      return this.#refuse(client, 'transaction blocks not allowed in statement pooling mode')
    }
    client.backend ??= this.#take(client)
    if (client.backend === null) client.pending.push(frame)
    else this.#send(client, client.backend, frame)
  }

  #send(client: Client, backend: Backend, frame: Buffer): void {
    this.trace.push(letter(frame))
    const isQuestion = letter(frame) === 'Q' || letter(frame) === 'S'
    client.isMidway = !isQuestion
    if (isQuestion) client.unanswered++
    backend.socket.write(this.#rewritten(frame))
  }

  #cut(client: Client, backend: Backend, last: Buffer): void {
    backend.client = null
    backend.socket.destroy()
    client.socket.end(last)
  }

  #rewritten(frame: Buffer): Buffer {
    if (letter(frame) !== 'Q' && letter(frame) !== 'P') return frame
    const from = letter(frame) === 'Q' ? 5 : frame.indexOf(0, 5) + 1
    const to = frame.indexOf(0, from)
    const text = Buffer.from(this.rules.rewrite(frame.toString('utf8', from, to)))
    const changed = Buffer.concat([frame.subarray(0, from), text, frame.subarray(to)])
    changed.writeInt32BE(changed.length - 1, 1)
    return changed
  }

  #fromServer(backend: Backend, frame: Buffer): void {
    const { client } = backend
    if (client === null) return
    if (letter(frame) === 'K' && !this.rules.keepsKey) frame.writeInt32BE(this.#nextKey++, 5)
    const reply = this.rules.reply(frame)
    if ('last' in reply) return this.#cut(client, backend, reply.last)
    client.socket.write(reply)
    if (letter(frame) !== 'Z') return
    if (client.isSignedIn) client.unanswered--
    client.isSignedIn = backend.isSignedIn = true
    const isOutside = String.fromCharCode(frame[5]!) === 'I'
    if (isOutside && client.unanswered === 0 && !client.isMidway && this.rules.mode !== 'session') {
      client.backend = null
      this.#release(backend)
    }
  }

  #take(client: Client): Backend | null {
    const backend = this.rules.next === 'last used' ? this.#free.pop() : this.#free.shift()
    if (backend === undefined) {
      if (!this.#waiting.includes(client)) this.#waiting.push(client)
      return null
    }
    backend.client = client
    return backend
  }

  #release(backend: Backend): void {
    backend.client = null
    this.#free.push(backend)
    const client = this.#waiting.shift()
    if (client === undefined) return
    client.backend = this.#take(client)!
    for (const frame of client.pending.splice(0)) this.#send(client, client.backend, frame)
  }

  #clientLeft(client: Client): void {
    const at = this.#waiting.indexOf(client)
    if (at >= 0) this.#waiting.splice(at, 1)
    client.backend?.socket.destroy()
  }

  #refuse(client: Client, message: string): void {
    const fields = Buffer.from(`SFATAL\0C08P01\0M${message}\0\0`)
    const head = Buffer.from([0x45, 0, 0, 0, 0])
    head.writeInt32BE(fields.length + 4, 1)
    client.socket.end(Buffer.concat([head, fields]))
  }
}
