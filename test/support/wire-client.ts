import { once } from 'node:events'
import net from 'node:net'
import { int16, int32, message, text } from '../../src/serve/messages/backend.js'
import { FRONTEND } from '../../src/serve/messages/frontend.js'
import { MessageReader } from '../../src/serve/messages/message-reader.js'

/** A client that sends the messages of a test, and shows the types of the answers as letters: `T D C Z`. */
export class WireClient {
  readonly socket: net.Socket
  readonly #reader = new MessageReader()
  readonly #heard: { readonly type: string; readonly body: Buffer }[] = []
  #wake: () => void = () => undefined
  isClosed = false

  private constructor(socket: net.Socket) {
    this.socket = socket
    this.#reader.isStartup = false
    this.#reader.maxBytes = 2 ** 30
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.isClosed = true
      this.#wake()
    })
    socket.on('data', (chunk) => {
      this.#reader.push(chunk)
      for (let next = this.#reader.next(); next !== null; next = this.#reader.next())
        this.#heard.push({ type: String.fromCharCode(next.type), body: Buffer.from(next.body) })
      this.#wake()
    })
  }

  static async connect({ port }: { readonly port: number }): Promise<WireClient> {
    const socket = net.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new WireClient(socket)
  }

  send(...messages: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(messages))
  }

  startup(parameters: Readonly<Record<string, string>>, version = 196_608): void {
    const pairs = Object.entries(parameters).flatMap(([name, value]) => [text(name), text(value)])
    const body = Buffer.concat([int32(version), ...pairs, Buffer.from([0])])
    this.send(Buffer.concat([int32(body.length + 4), body]))
  }

  /** Logs in to a front that trusts all users. */
  async logIn(database = 'postgres'): Promise<void> {
    this.startup({ user: 'somebody', database })
    await this.until('Z')
    this.#heard.length = 0
  }

  /** Waits for the `count`-th message of `type`. Returns the types of all messages so far. */
  async until(type: string, count = 1): Promise<string> {
    for (let i = 0; i < 1000; i++) {
      const types = this.#heard.map((each) => each.type)
      if (types.filter((each) => each === type).length >= count) return types.join(' ')
      if (this.isClosed) return types.join(' ')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    throw new Error(`no ${type} among ${this.#heard.map((each) => each.type).join(' ')}`)
  }

  /** Removes and returns the next message. Returns null when the connection has ended. */
  async next(): Promise<{ readonly type: string; readonly body: Buffer } | null> {
    while (this.#heard.length === 0 && !this.isClosed)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    return this.#heard.shift() ?? null
  }

  /** Removes all messages so far, and returns their types. */
  take(): string {
    return this.#heard
      .splice(0)
      .map((each) => each.type)
      .join(' ')
  }

  /** The SQLSTATEs of all errors and notices so far. */
  get states(): string[] {
    return this.#heard
      .filter(({ type }) => type === 'E' || type === 'N')
      .map(({ body }) => /\0C([^\0]+)/.exec(body.toString('latin1'))?.[1] ?? '')
  }

  /** The bodies of messages of one type. */
  bodies(type: string): Buffer[] {
    return this.#heard.filter((each) => each.type === type).map(({ body }) => body)
  }

  async closed(): Promise<void> {
    if (!this.isClosed) await once(this.socket, 'close')
  }
}

export const query = (sql: string): Buffer => message(FRONTEND.query, text(sql))
export const parse = (name: string, sql: string, types: readonly number[] = []): Buffer =>
  message(FRONTEND.parse, text(name), text(sql), int16(types.length), ...types.map(int32))
export const bind = (
  portal: string,
  statement: string,
  values: readonly (Buffer | null)[] = [],
  formats: readonly number[] = [],
  resultFormats: readonly number[] = [],
): Buffer =>
  message(
    FRONTEND.bind,
    ...[text(portal), text(statement), int16(formats.length), ...formats.map(int16)],
    int16(values.length),
    ...values.flatMap((value) => (value === null ? [int32(-1)] : [int32(value.length), value])),
    ...[int16(resultFormats.length), ...resultFormats.map(int16)],
  )
export const describeStatement = (name: string): Buffer =>
  message(FRONTEND.describe, Buffer.from('S'), text(name))
export const describePortal = (name: string): Buffer =>
  message(FRONTEND.describe, Buffer.from('P'), text(name))
export const execute = (portal: string, maxRows = 0): Buffer =>
  message(FRONTEND.execute, text(portal), int32(maxRows))
export const SYNC: Buffer = message(FRONTEND.sync)
export const FLUSH: Buffer = message(FRONTEND.flush)
