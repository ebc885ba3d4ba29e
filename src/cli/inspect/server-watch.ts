import { systemClock, type Clock } from '../../base/clock.js'
import { Deferred } from '../../base/deferred.js'
import { ConnectionError } from '../../base/errors.js'
import { endSession, readInTransaction } from '../../dialect/postgres/inspect/read-in-transaction.js'
import type { InspectOptions } from '../../dialect/postgres/inspect/read-server-state.js'
import { askForRelease, withdrawRequest } from '../../dialect/postgres/records/release-requests.js'
import type { Queryable } from '../../dialect/queryable.js'
import type { ReleaseRequest } from '../../dialect/release-request.js'
import type { ServerSession, ServerState, SessionEnd } from '../../dialect/server-state.js'
import { snapshotOf, type LockSnapshot } from '../../inspect/snapshot.js'
import type { ExitStatus } from '../command.js'
import { configOf, explainFailure, hangUp, openConnection, type ServerAddress } from '../server.js'
import type { Terminal } from '../terminal.js'

/** A connection that shows the locks of a server and can end sessions. */
export interface WatchedConnection {
  /** The server that it leads to, if known. */
  readonly place: string | null
  look(options: InspectOptions): Promise<ServerState>
  end(session: SessionToEnd): Promise<SessionEnd>
  /** Asks the holder of a lock to release it. Null if holders of this database cannot be asked. */
  readonly requests: ReleaseRequests | null
  onEnd(listener: () => void): void
  close(): Promise<void>
  destroy(): void
}

export interface ReleaseRequests {
  /** False if the session has ended. */
  ask(request: ReleaseRequest, startedAt: string | null): Promise<boolean>
  /** True if the holder has not read it. */
  withdraw(request: ReleaseRequest): Promise<boolean>
}

export type SessionToEnd = Pick<ServerSession, 'pid' | 'startedAt'>

/** The part of a connection to PostgreSQL that a watch uses. */
export interface PostgresToWatch extends Queryable {
  readonly place?: string
  onEnd(listener: () => void): void
  close(): Promise<void>
  destroy(): void
}

export function watchedPostgres(connection: PostgresToWatch): WatchedConnection {
  return {
    place: connection.place ?? null,
    look: (options) => readInTransaction(connection, options),
    end: ({ pid, startedAt }) => endSession(connection, pid, startedAt),
    requests: {
      ask: (request, startedAt) => askForRelease(connection, request, startedAt),
      withdraw: (request) => withdrawRequest(connection, request),
    },
    onEnd: (listener) => connection.onEnd(listener),
    close: () => connection.close(),
    destroy: () => connection.destroy(),
  }
}

export interface ServerWatchHost {
  readonly clock: Clock
  /** The signal ends the attempt. */
  readonly open: (signal: AbortSignal) => Promise<WatchedConnection>
}

/** A connection, or the attempt to open it. */
interface Line {
  readonly connection: Promise<WatchedConnection>
  readonly attempt: AbortController
}

/** Longer than any of the statements may take: after that the server or the network does not answer. */
const ANSWER_LIMIT_MS = 10_000

/** Inspects the locks of a server repeatedly, through one connection that is opened when needed and replaced when lost. */
export class ServerWatch {
  readonly #host: ServerWatchHost
  #line: Line | null = null
  #place: string | null = null
  /** Settles when the last request is answered or given up. */
  #turn: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor(host: ServerWatchHost) {
    this.#host = host
  }

  /** The server that the last connection led to, if known. */
  get place(): string | null {
    return this.#place
  }

  /** Opens the connection without the limit of requests: a server that has just started may take its time. */
  async connect(): Promise<void> {
    await this.#open()
  }

  look(options: Partial<InspectOptions> = {}): Promise<LockSnapshot> {
    return this.#ask(async (connection) =>
      snapshotOf(await connection.look({ everything: false, names: [], ...options })),
    )
  }

  end(session: SessionToEnd): Promise<SessionEnd> {
    return this.#ask((connection) => connection.end(session))
  }

  /** @throws {RequestsUnsupportedError} */
  askForRelease(request: ReleaseRequest, startedAt: string | null): Promise<boolean> {
    return this.#ask((connection) => requestsOf(connection).ask(request, startedAt))
  }

  /** True if the holder has not read it. */
  withdrawRequest(request: ReleaseRequest): Promise<boolean> {
    return this.#ask((connection) => requestsOf(connection).withdraw(request))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const line = this.#line
    this.#line = null
    line?.attempt.abort()
    const connection = await line?.connection.catch(() => null)
    if (connection) await hangUp(connection, this.#host.clock)
  }

  /** Sends one request at a time: a statement in between would be part of the transaction of an inspection. */
  #ask<T>(question: (connection: WatchedConnection) => Promise<T>): Promise<T> {
    const answer = this.#turn.then(() => this.#askNow(question))
    this.#turn = answer.catch(() => undefined)
    return answer
  }

  async #askNow<T>(question: (connection: WatchedConnection) => Promise<T>): Promise<T> {
    const stalled = new Deferred<never>()
    const cancel = this.#host.clock.after(ANSWER_LIMIT_MS, () => {
      this.#drop()
      stalled.reject(new ConnectionError(`the server has not answered for ${ANSWER_LIMIT_MS / 1000} s`))
    })
    try {
      return await Promise.race([this.#open().then(question), stalled.promise])
    } finally {
      cancel()
    }
  }

  async #open(): Promise<WatchedConnection> {
    if (this.#isClosed) throw new ConnectionError('the watch is closed')
    if (this.#line !== null) return this.#line.connection
    const attempt = new AbortController()
    const line = { attempt, connection: this.#host.open(attempt.signal) }
    this.#line = line
    const unsubscribe = (): void => {
      if (this.#line === line) this.#line = null
    }
    try {
      const connection = await line.connection
      connection.onEnd(unsubscribe)
      this.#place = connection.place
      return connection
    } catch (error) {
      unsubscribe()
      throw error
    }
  }

  /** The next request gets another connection. */
  #drop(): void {
    const line = this.#line
    this.#line = null
    line?.attempt.abort()
    void line?.connection.then((connection) => connection.destroy()).catch(() => undefined)
  }
}

/** The holders of this database cannot be asked. */
export class RequestsUnsupportedError extends Error {}

function requestsOf({ requests }: WatchedConnection): ReleaseRequests {
  if (requests === null) throw new RequestsUnsupportedError()
  return requests
}

/** Does the same as `withInspector`, for PostgreSQL. */
export async function withPostgresWatch(
  address: ServerAddress,
  terminal: Terminal,
  use: (watch: ServerWatch) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  const config = await configOf(address, terminal)
  if (typeof config === 'number') return config
  return withWatch(async (signal) => watchedPostgres(await openConnection(config, signal)), terminal, use)
}

/** Calls `use` with a connected watch. It prints an error of the server in one line, and returns its exit code. */
export async function withWatch(
  open: ServerWatchHost['open'],
  terminal: Terminal,
  use: (watch: ServerWatch) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  const watch = new ServerWatch({ clock: systemClock, open })
  try {
    await watch.connect()
    return await use(watch)
  } catch (error) {
    return await explainFailure(error, terminal)
  } finally {
    await watch.close()
  }
}
