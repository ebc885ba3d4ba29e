import type net from 'node:net'
import pg from 'pg'
import { systemClock, type Clock } from '../../../base/clock.js'
import { socketTo } from './socket-to.js'

/** The session whose statement should be canceled, and the way to reach its server. */
export interface CancelTarget {
  readonly processID: number
  readonly secretKey: number
  readonly host: string
  readonly port: number
  /**
   * The address of the server that the session runs on. A host name may stand for several servers, or for another
   * server by now.
   */
  readonly address: string | undefined
  readonly ssl: pg.ClientConfig['ssl']
  readonly sslNegotiation: string
  /** Makes the sockets, if the caller has its own way to make them. */
  readonly makeStream: (() => net.Socket) | undefined
}

/**
 * An attempt ends after this time. Until then its timer keeps the process alive: otherwise the process could end before
 * it has sent the request.
 */
const ATTEMPT_LIMIT_MS = 1000

/**
 * The socket of an attempt without an answer stays open for this time after that, and does not keep the process alive.
 * The server, or the pooler in front of it, closes it sooner if it works. PgBouncer 1.18 ends ("bad client state: 0",
 * pgbouncer issue 801) if the client closes such a socket while its request is under way.
 */
const LINGER_MS = 15_000

/** The most sockets of this process that stay open. Further ones are closed at the limit of their attempt. */
const MOST_LINGERING = 20
let lingering = 0

/**
 * The request is sent a second time after this delay. The first request may arrive before the statement, if the
 * statement was still on the wire, or it may cancel one statement while others are queued behind it.
 */
const AGAIN_AFTER_MS = 200

/** Members of `pg.Connection` that its types leave out. */
type Wire = pg.Connection & {
  readonly stream: net.Socket
  connect(portOrPath: number | string, host?: string): void
  requestSsl(): void
  cancel(processID: number, secretKey: number): void
}

/**
 * Asks the server to cancel the current statement of a session. PostgreSQL wants such a request on a short connection
 * of its own. Call this only for a session whose own connection is closed already: then a late request finds no session
 * at all. It can't hit the statement of another session, because no two sessions ever have the same process id and
 * secret key.
 *
 * Resolves when the server has received the first request, or when the server can't be reached. Never rejects.
 */
export async function requestCancel(target: CancelTarget, clock: Clock = systemClock): Promise<void> {
  clock.after(AGAIN_AFTER_MS, () => void attempt(target, clock))
  await attempt(target, clock)
}

/**
 * Sends one cancel request, for a session that continues afterwards. The caller must know that its statement is still
 * running: otherwise the request may cancel the next statement.
 */
export function requestCancelOnce(target: CancelTarget, clock: Clock = systemClock): Promise<void> {
  return attempt(target, clock)
}

function attempt(target: CancelTarget, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    let wire: Wire | null = null
    const close = (): void => {
      stopWaiting()
      wire?.stream.destroy()
      resolve()
    }
    let isSent = false
    const linger = ({ stream }: Wire): void => {
      // A request that leaves later could cancel another statement.
      if (!isSent || lingering >= MOST_LINGERING) return close()
      lingering++
      stream.once('close', () => lingering--)
      stream.unref()
      stopWaiting = clock.after(LINGER_MS, close, false)
      resolve()
    }
    let stopWaiting = clock.after(ATTEMPT_LIMIT_MS, () => (wire === null ? close() : linger(wire)))
    try {
      wire = wireFor(target)
      // The server closes the connection once it has handled the request, whatever the outcome.
      wire.on('end', close)
      wire.on('error', close)
      ask(wire, target, () => (isSent = true))
    } catch {
      close()
    }
  })
}

function wireFor({ ssl, sslNegotiation, makeStream, address }: CancelTarget): Wire {
  const stream = makeStream ?? (address === undefined ? undefined : () => socketTo(address))
  const config = { ssl, sslNegotiation, stream }
  return new pg.Connection(config as pg.ConnectionConfig) as Wire
}

/** Uses TLS if the session uses it, because the key is a secret. */
function ask(
  wire: Wire,
  { host, port, ssl, sslNegotiation, processID, secretKey }: CancelTarget,
  sent: () => void,
): void {
  const cancel = (): void => {
    wire.cancel(processID, secretKey)
    sent()
  }
  wire.on('connect', () => {
    if (!ssl) cancel()
    else if (sslNegotiation !== 'direct') wire.requestSsl()
  })
  wire.on('sslconnect', cancel)
  if (host.startsWith('/')) wire.connect(`${host}/.s.PGSQL.${port}`)
  else wire.connect(port, host)
}
