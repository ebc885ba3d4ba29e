import { systemClock, sleep } from '../../base/clock.js'
import { Deferred } from '../../base/deferred.js'
import { jsonLine, printable } from '../../base/printable.js'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../embedded/index.js'
import { Watchdog } from '../../serve/watchdog/watchdog.js'
import { isMysql } from '../mysql/address.js'
import type { ExitStatus } from '../command.js'
import { connectionSource } from '../connection.js'
import { EXIT } from '../exit-codes.js'
import { SignalDesk } from '../run/signals.js'
import { explainFailure } from '../server.js'
import type { Terminal } from '../terminal.js'
import { MetricsServer } from './metrics-server.js'
import { openFront, type OpenFront } from './open-front.js'
import type { ServeOrder } from './serve-order.js'
import { BadFileError } from './startup-files.js'

/** Runs a front until a signal ends it. */
export async function runServe(order: ServeOrder, terminal: Terminal): Promise<ExitStatus> {
  const desk = new SignalDesk()
  const stopSignal = new Deferred<NodeJS.Signals>()
  desk.handler = (signal) => stopSignal.resolve(signal)
  let dev: EmbeddedPostgres | null = null
  try {
    if (order.isDev) dev = await startEmbeddedPostgres({ durable: false })
    const url = dev?.url ?? connectionSource(order.url, process.env)?.url
    if (isMysql(url))
      throw new BadFileError('lockpool serve needs a PostgreSQL, and this is the address of another database')
    return await serve(order, url, { desk, stopSignal }, terminal)
  } catch (error) {
    if (error instanceof BadFileError) {
      terminal.err.write(`lockpool: ${printable(error.message)}\n`)
      return EXIT.config
    }
    return await explainFailure(error, terminal)
  } finally {
    await dev?.stop('fast')
  }
}

interface Signals {
  readonly desk: SignalDesk
  readonly stopSignal: Deferred<NodeJS.Signals>
}

async function serve(
  order: ServeOrder,
  url: string | undefined,
  signals: Signals,
  terminal: Terminal,
): Promise<ExitStatus> {
  const report = (message: string): void => terminal.err.write(`lockpool: ${printable(message)}\n`)
  const open = await openFront(order, url, report)
  const metrics = new MetricsServer(open.front, open.pool)
  // When a stall begins, a third of the lease may have passed since the last heartbeat. The watchdog acts
  // after half a lease more, before the lease ends.
  const watchdog = new Watchdog(systemClock, order.leaseMs / 2, report)
  try {
    if (order.metrics !== null) await metrics.listen(order.metrics)
    return await listenUntilTold(open, order, signals, terminal)
  } finally {
    metrics.close()
    watchdog.close()
    await open.close()
  }
}

async function listenUntilTold(
  open: OpenFront,
  order: ServeOrder,
  { desk, stopSignal }: Signals,
  terminal: Terminal,
): Promise<ExitStatus> {
  const { front } = open
  try {
    const { port } = await front.listen()
    announce(order, port, terminal)
  } catch (error) {
    terminal.err.write(`lockpool: can't listen on ${order.host}:${order.port}: ${(error as Error).message}\n`)
    return EXIT.unavailable
  }
  desk.handler = (signal) => {
    if (signal === 'SIGHUP') void reload(open, terminal)
    else if (signal !== 'SIGUSR1' && signal !== 'SIGUSR2') stopSignal.resolve(signal)
  }
  await stopSignal.promise
  const again = new Deferred<void>()
  desk.handler = (signal) => {
    if (signal === 'SIGTERM' || signal === 'SIGINT') again.resolve()
  }
  const enough = new AbortController()
  await front.drain(Promise.race([again.promise, sleep(systemClock, order.graceMs, enough.signal)]))
  enough.abort()
  return EXIT.ok
}

/** Reports errors in the files. Then the users and the certificate do not change. */
async function reload(open: OpenFront, { err }: Terminal): Promise<void> {
  try {
    await open.reload()
    err.write('lockpool: users and certificate were read again\n')
  } catch (error) {
    err.write(`lockpool: nothing was changed: ${printable((error as Error).message)}\n`)
  }
}

function announce(order: ServeOrder, port: number, { out }: Terminal): void {
  const { host, isJson } = order
  if (isJson) return out.write(`${jsonLine({ version: 1, event: 'listening', host, port })}\n`)
  const shown = host.includes(':') ? `[${host}]` : host
  out.write(`lockpool: serving locks at ${out.paint('bold', `${shown}:${port}`)}; Ctrl-C ends it\n`)
}
