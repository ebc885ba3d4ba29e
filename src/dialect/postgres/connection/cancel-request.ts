import type net from 'node:net'
import pg from 'pg'
import { systemClock, type Clock } from '../../../base/clock.js'
import { socketTo } from './socket-to.js'

/** The session that is to give up what it does, and how its server is reached. */
export interface CancelTarget {
  readonly processID: number
  readonly secretKey: number
  readonly host: string
  readonly port: number
  /** Of the server that the session is with: a name may stand for several, or for another one by now. */
  readonly address: string | undefined
  readonly ssl: pg.ClientConfig['ssl']
  readonly sslNegotiation: string
  /** Makes the sockets, where the caller has a way of his own. */
  readonly makeStream: (() => net.Socket) | undefined
}

/** An attempt is given up after so long. Until then it keeps the process, which would end without having asked. */
const ATTEMPT_LIMIT_MS = 1000

/** The first request may come before the statement, if that was still on the wire, or end one with others behind it. */
const AGAIN_AFTER_MS = 200

/** What `pg` has, and its types leave out. */
type Wire = pg.Connection & {
  connect(portOrPath: number | string, host?: string): void
  requestSsl(): void
  cancel(processID: number, secretKey: number): void
}

/**
 * Asks the server to give up what a session does, over a short connection of its own, as PostgreSQL wants it. Only for a
 * session whose own connection is closed already: a request that comes late then finds nobody, and not somebody's next
 * statement, because no other session ever has the same process and key.
 *
 * Resolves when the first request has been heard, or can't be. Never rejects.
 */
export async function requestCancel(target: CancelTarget, clock: Clock = systemClock): Promise<void> {
  clock.after(AGAIN_AFTER_MS, () => void attempt(target, clock))
  await attempt(target, clock)
}

/**
 * The same, once, for a session that goes on. Whoever asks has to know that its statement is still under way: the request may
 * meet the next one.
 */
export function requestCancelOnce(target: CancelTarget, clock: Clock = systemClock): Promise<void> {
  return attempt(target, clock)
}

function attempt(target: CancelTarget, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    let wire: Wire | null = null
    const done = (): void => {
      stopWaiting()
      wire?.stream.destroy()
      resolve()
    }
    const stopWaiting = clock.after(ATTEMPT_LIMIT_MS, done)
    try {
      wire = wireFor(target)
      // The server closes it when the request is through, whatever came of it.
      wire.on('end', done)
      wire.on('error', done)
      ask(wire, target)
    } catch {
      done()
    }
  })
}

function wireFor({ ssl, sslNegotiation, makeStream, address }: CancelTarget): Wire {
  const stream = makeStream ?? (address === undefined ? undefined : () => socketTo(address))
  const config = { ssl, sslNegotiation, stream }
  return new pg.Connection(config as pg.ConnectionConfig) as Wire
}

/** With TLS where the session has it: the key is a secret. */
function ask(wire: Wire, { host, port, ssl, sslNegotiation, processID, secretKey }: CancelTarget): void {
  const cancel = (): void => wire.cancel(processID, secretKey)
  wire.on('connect', () => {
    if (!ssl) cancel()
    else if (sslNegotiation !== 'direct') wire.requestSsl()
  })
  wire.on('sslconnect', cancel)
  if (host.startsWith('/')) wire.connect(`${host}/.s.PGSQL.${port}`)
  else wire.connect(port, host)
}
