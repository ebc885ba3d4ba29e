import { randomBytes } from 'node:crypto'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Deadlines } from '../base/deadlines.js'
import { SHUTDOWN } from './locks/lock-errors.js'
import { backendKeyData, report } from './messages/backend.js'
import { FatalError, SqlError } from './messages/sql-error.js'
import type { ClientLink } from './client/client-link.js'
import { ClosingSockets } from './client/closing-sockets.js'
import { AbortControllers } from './session/abort-controllers.js'
import { ClientSession } from './session/client-session.js'
import type { Identity } from './client/identity.js'
import type { ClientSessionHost } from './session/client-session-host.js'
import { KnownTexts } from './sql/known-texts.js'
import { StartingConnection, type Arrival, type StartupRules } from './startup/connection.js'

/** Where a front listens, and which clients it accepts. */
export interface FrontOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly maxClients: number
  /** The limit for one message, in bytes. */
  readonly maxMessageBytes: number
  readonly idleTimeoutMs: number
  /** Accepts only this name. Null accepts every name, because there is only one database. */
  readonly database: string | null
}

/** The parts of a front, in addition to its options. */
export type FrontHost = Omit<
  ClientSessionHost<ClientSession>,
  'aborts' | 'texts' | 'deadlines' | 'ended' | 'allSessions' | 'idleTimeoutMs'
>

/** The most unread input of a client while its statement runs, in messages of the largest size. */
const MAX_UNREAD_MESSAGES = 2

const KEEP_ALIVE_MS = 60_000

/** Connections that the kernel keeps until the front accepts them. */
const BACKLOG = 4096

/** The front: listens, logs clients in, and has a list of them. */
export class Front {
  readonly #options: FrontOptions
  readonly #sessionHost: ClientSessionHost<ClientSession>
  readonly #server: Server
  readonly #starting = new Set<StartingConnection>()
  readonly #sessions = new Map<number, ClientSession>()
  readonly #closing: ClosingSockets
  #rules: StartupRules
  #isDraining = false
  #lastProcessId: number
  #onEmpty: (() => void) | null = null
  #isCheckDue = false
  /** Logins that were refused. */
  refused = 0

  constructor(options: FrontOptions, rules: StartupRules, ports: FrontHost) {
    this.#options = options
    this.#rules = rules
    this.#sessionHost = {
      ...ports,
      aborts: new AbortControllers(),
      texts: new KnownTexts(),
      deadlines: new Deadlines(ports.clock),
      idleTimeoutMs: options.idleTimeoutMs,
      allSessions: () => this.#sessions.values(),
      ended: (session) => this.#ended(session),
    }
    this.#closing = new ClosingSockets(ports.clock)
    this.#lastProcessId = randomBytes(2).readUInt16BE()
    this.#server = createServer(
      // Half open: Node.js would close an ended connection at once; the front closes it when there is time.
      { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
      (socket) => {
        void this.#accept(socket)
      },
    )
  }

  /** Resolves when clients can connect. */
  listen(): Promise<AddressInfo> {
    const { host, port } = this.#options
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        this.#server.off('error', reject)
        // Later errors concern single connections that could not be accepted.
        this.#server.on('error', (error) => this.#sessionHost.failed(error))
        resolve(this.#server.address() as AddressInfo)
      })
    })
  }

  get sessions(): Iterable<ClientSession> {
    return this.#sessions.values()
  }

  get clients(): number {
    return this.#sessions.size
  }

  /** The rules for new connections. */
  set rules(rules: StartupRules) {
    this.#rules = rules
  }

  get rules(): StartupRules {
    return this.#rules
  }

  /** A lock of the pool was lost. Locks that are lost at the same time cause one check. */
  lockLost(): void {
    if (this.#isCheckDue) return
    this.#isCheckDue = true
    queueMicrotask(() => {
      this.#isCheckDue = false
      for (const session of [...this.#sessions.values()]) session.checkLosses()
    })
  }

  /**
   * Takes no more clients. Idle clients without locks are disconnected at once, the others as soon as they are idle, or
   * when `enough` settles.
   */
  async drain(enough: Promise<void>): Promise<void> {
    this.#isDraining = true
    this.#server.close()
    for (const starting of this.#starting) starting.destroy()
    for (const session of [...this.#sessions.values()]) session.leaveWhenFree()
    const empty = new Promise<void>((resolve) => {
      if (this.#sessions.size === 0) resolve()
      else this.#onEmpty = resolve
    })
    await Promise.race([empty, enough])
    for (const session of [...this.#sessions.values()]) session.end(new FatalError('57P01', SHUTDOWN))
  }

  async #accept(socket: Socket): Promise<void> {
    const starting = new StartingConnection(socket, this.#rules, this.#sessionHost.clock)
    this.#starting.add(starting)
    if (this.#isDraining) starting.destroy()
    // Connections that do not log in must not keep out clients that do. So the oldest is ended: it has had the most time.
    if (this.#starting.size > this.#options.maxClients)
      for (const oldest of this.#starting) {
        oldest.destroy()
        break
      }
    const arrival = await starting.arrive()
    this.#starting.delete(starting)
    if (arrival === null) {
      this.refused++
      return
    }
    if (arrival.kind === 'client') return this.#welcome(arrival, socket)
    const session = this.#sessions.get(arrival.processId)
    if (session?.identity.secret === arrival.secret) session.cancel()
    socket.destroy()
  }

  #welcome({ who, link, reader, socket }: Extract<Arrival, { kind: 'client' }>, raw: Socket): void {
    try {
      this.#checkMayEnter(who.database)
      const identity = this.#identify(who, raw)
      const session = new ClientSession(identity, who.settings, { link, reader }, this.#sessionHost)
      this.#sessions.set(identity.processId, session)
      reader.maxBytes = this.#options.maxMessageBytes
      this.#attach(session, socket, reader)
      session.greet()
      link.send(backendKeyData(identity.processId, identity.secret))
      session.ready()
      session.received()
    } catch (error) {
      this.refused++
      this.#turnAway(error, link)
    }
  }

  #attach(
    session: ClientSession,
    socket: Duplex,
    reader: { push(chunk: Buffer): void; readonly pending: number },
  ): void {
    const most = this.#options.maxMessageBytes * MAX_UNREAD_MESSAGES
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk)
      session.received()
      if (reader.pending > most)
        session.end(new FatalError('53400', 'too much was sent ahead of the answers'))
    })
    socket.on('end', () => {
      session.closed()
      this.#closing.add(socket)
    })
    socket.on('close', () => session.closed())
  }

  #turnAway(error: unknown, link: ClientLink): void {
    if (!(error instanceof SqlError)) this.#sessionHost.failed(error)
    const [code, message] =
      error instanceof SqlError ? [error.state, error.message] : ['XX000', 'internal error']
    link.end(report({ severity: 'FATAL', code, message }))
  }

  #checkMayEnter(database: string): void {
    if (this.#isDraining) throw new FatalError('57P03', 'the database system is shutting down')
    if (this.#sessions.size >= this.#options.maxClients)
      throw new FatalError('53300', 'sorry, too many clients already')
    const only = this.#options.database
    if (only !== null && database !== only)
      throw new FatalError('3D000', `database "${database}" does not exist`)
  }

  #identify({ user, database }: { readonly user: string; readonly database: string }, raw: Socket): Identity {
    do this.#lastProcessId = (this.#lastProcessId % MAX_PROCESS_ID) + 1
    while (this.#sessions.has(this.#lastProcessId))
    const secret = randomBytes(4).readInt32BE()
    const address = `${raw.remoteAddress ?? ''}:${raw.remotePort ?? 0}`
    return { user, database, address, processId: this.#lastProcessId, secret }
  }

  #ended(session: ClientSession): void {
    this.#sessions.delete(session.identity.processId)
    if (this.#sessions.size === 0) this.#onEmpty?.()
  }
}

const MAX_PROCESS_ID = 2 ** 31 - 1
