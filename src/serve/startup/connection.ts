import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket, type SecureContext } from 'node:tls'
import type { Cancel, Clock } from '../../base/clock.js'
import { report } from '../messages/backend.js'
import { MessageReader, type Message } from '../messages/message-reader.js'
import { ProtocolError } from '../messages/protocol-error.js'
import { FatalError, SqlError } from '../messages/sql-error.js'
import { ClientLink } from '../client/client-link.js'
import { logIn, type LoggedIn } from './login.js'
import { readStartupPacket, type StartupPacket } from './startup-packet.js'
import type { Users } from './users.js'

/** How clients may log in. */
export interface StartupRules {
  /** Null trusts every client. */
  readonly users: Users | null
  /** Null without TLS. */
  readonly secureContext: SecureContext | null
  readonly loginTimeoutMs: number
}

/** The outcome of a login. */
export type Arrival =
  | { readonly kind: 'cancel'; readonly processId: number; readonly secret: number }
  | {
      readonly kind: 'client'
      readonly who: LoggedIn
      readonly link: ClientLink
      readonly reader: MessageReader
      readonly socket: Duplex
    }

type StartupAnswer = Extract<StartupPacket, { kind: 'startup' | 'cancel' }>

/** The first byte of a TLS handshake. Some clients begin with TLS instead of asking first. */
const TLS_HANDSHAKE = 0x16

const NO = Buffer.from('N')
const YES = Buffer.from('S')

/** One connection from its first byte until the client is known. All of that has one fixed time limit. */
export class StartingConnection {
  readonly #raw: Socket
  readonly #rules: StartupRules
  readonly #clock: Clock
  readonly #cancelLimit: Cancel
  #socket: Duplex
  #link: ClientLink
  #reader = new MessageReader()
  #isSecure = false
  #wake: (() => void) | null = null
  #end: Error | null = null

  constructor(socket: Socket, rules: StartupRules, clock: Clock) {
    this.#raw = socket
    this.#socket = socket
    this.#rules = rules
    this.#clock = clock
    this.#link = new ClientLink(socket, clock)
    this.#cancelLimit = clock.after(rules.loginTimeoutMs, () => this.#ended(new Error('too slow')), false)
    this.#listen(socket)
  }

  /** Null if it has ended, for any reason. A client that was still connected got an error. */
  async arrive(): Promise<Arrival | null> {
    try {
      const packet = await this.#startup()
      if (packet.kind === 'cancel') return packet
      const who = await logIn(packet, this.#rules.users, {
        next: () => this.#next(),
        send: (...messages) => this.#link.send(...messages),
      })
      this.#unlisten(this.#socket)
      return { kind: 'client', who, link: this.#link, reader: this.#reader, socket: this.#socket }
    } catch (error) {
      this.#refuse(error)
      return null
    } finally {
      this.#cancelLimit()
    }
  }

  /** Ends the connection, whatever it waits for. */
  destroy(): void {
    this.#ended(new Error('the front ends'))
  }

  async #startup(): Promise<StartupAnswer> {
    this.#reader.isStartup = true
    // Each of the two requests may come once, followed by the startup packet itself.
    for (let attempt = 0; attempt < 3; attempt++) {
      const packet = readStartupPacket((await this.#next()).body)
      if (packet.kind === 'ssl') await this.#answerSsl()
      else if (packet.kind === 'gssenc') this.#writeNow(NO)
      else if (packet.kind === 'version')
        throw new FatalError(
          '0A000',
          `unsupported frontend protocol ${packet.major}.${packet.minor}: server supports 3.0 to 3.0`,
        )
      else {
        this.#reader.isStartup = false
        return packet
      }
    }
    throw new ProtocolError('too many requests before the startup packet')
  }

  async #answerSsl(): Promise<void> {
    const { secureContext } = this.#rules
    if (secureContext === null || this.#isSecure) return this.#writeNow(NO)
    // Bytes before the handshake were not encrypted: a third party could have inserted them.
    if (this.#reader.pending > 0) throw new ProtocolError('received unencrypted data after SSL request')
    this.#writeNow(YES)
    this.#secure(secureContext)
  }

  #writeNow(bytes: Buffer): void {
    this.#link.send(bytes)
    this.#link.flush()
  }

  #secure(secureContext: SecureContext): void {
    this.#isSecure = true
    this.#unlisten(this.#raw)
    const secure = new TLSSocket(this.#raw, {
      isServer: true,
      secureContext,
      ALPNProtocols: ['postgresql'],
      minVersion: 'TLSv1.2',
    })
    this.#socket = secure
    this.#link = new ClientLink(secure, this.#clock)
    this.#listen(secure)
  }

  async #next(): Promise<Message> {
    for (;;) {
      if (this.#end !== null) throw this.#end
      const message = this.#reader.next()
      if (message !== null) return message
      this.#link.flush()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  readonly #onData = (chunk: Buffer): void => {
    const { secureContext } = this.#rules
    const isDirect = this.#reader.isStartup && !this.#isSecure && chunk[0] === TLS_HANDSHAKE
    if (isDirect && secureContext !== null && this.#reader.pending === 0) {
      this.#raw.pause()
      this.#raw.unshift(chunk)
      this.#secure(secureContext)
      return
    }
    this.#reader.push(chunk)
    this.#stir()
  }

  readonly #onEnd = (): void => this.#ended(new Error('the connection has ended'))

  #ended(error: Error): void {
    this.#end ??= error
    this.#socket.destroy()
    this.#raw.destroy()
    this.#stir()
  }

  #stir(): void {
    this.#wake?.()
    this.#wake = null
  }

  #listen(socket: Duplex): void {
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('close', this.#onEnd)
    socket.on('error', this.#onEnd)
  }

  #unlisten(socket: Duplex): void {
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('close', this.#onEnd)
    // An error without a listener would end the process.
    socket.on('error', nothing)
    socket.off('error', this.#onEnd)
  }

  #refuse(error: unknown): void {
    if (this.#end !== null) return
    const code = error instanceof SqlError ? error.state : '08P01'
    const isKnown = error instanceof SqlError || error instanceof ProtocolError
    const message = isKnown ? error.message : 'internal error of lockpool serve'
    this.#link.end(report({ severity: 'FATAL', code, message }))
  }
}

function nothing(): void {
  // The client learns enough from the closed connection.
}
