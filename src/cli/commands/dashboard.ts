import { systemClock } from '../../base/clock.js'
import type { ExitStatus, Command } from '../command.js'
import { CONNECTION_ENVIRONMENT } from '../connection.js'
import {
  DASHBOARD_FLAGS,
  readDashboardOrder,
  type DashboardFlags,
  type DashboardOrder,
} from '../dashboard/dashboard-order.js'
import type { NodeListener } from '../../dashboard/node-listener.js'
import { isMysql } from '../mysql/address.js'
import { EXIT, exitRows } from '../exit-codes.js'
import { exitCodeOfSignal, SignalDesk } from '../run/signals.js'
import { jsonLine, printable } from '../../base/printable.js'
import type { ServerWatch } from '../inspect/server-watch.js'
import type { Terminal } from '../terminal.js'
import { UsageError } from '../usage-error.js'

export const command: Command<DashboardFlags> = {
  usage: '[FLAGS]',
  description: [
    'Shows the locks of a database in a browser, live: who holds each lock and for how long, who waits, who blocks whom, and findings about what needs attention. It shows the locks of all programs, through one connection, and only while a page is open. GET /metrics answers in the format of Prometheus.',
    'Reading changes nothing. With --allow-end sessions can be ended from the page, with the token and after typing the pid of the session. Only this host can reach the page, unless you set --listen. It has no TLS, so put a proxy in front if others need access.',
  ],
  flags: DASHBOARD_FLAGS,
  environment: [
    ...CONNECTION_ENVIRONMENT,
    [
      'LOCKPOOL_DASHBOARD_TOKEN',
      'a fixed token, from 16 to 200 characters; without it each start has a new one',
    ],
  ],
  examples: [
    ['lockpool dashboard', 'the locks of DATABASE_URL'],
    ['lockpool dashboard --allow-end --url postgres://me@db/app', 'on call: inspect, and end what is stuck'],
    ['ssh -L 7433:localhost:7433 db lockpool dashboard', 'on another host, without giving others access'],
    [
      'lockpool dashboard --listen 0.0.0.0 --name locks.internal',
      'behind a proxy, for people with the token',
    ],
  ],
  exitCodes: [
    ['128+n', 'signal n ended it, as intended'],
    ...exitRows('usage', 'unavailable', 'config', 'internal'),
  ],
  async run({ flags, args, rest, terminal }) {
    if (rest !== null) throw new UsageError('lockpool dashboard takes no arguments')
    const order = readDashboardOrder(flags, args, process.env)
    if (flags['allow-end'] === true && isMysql(flags.url))
      throw new UsageError('--allow-end is for PostgreSQL; lockpool break ends sessions of MariaDB and MySQL')
    const { withInspector } = await import('../inspect/with-inspector.js')
    const address = { url: flags.url, applicationName: 'lockpool dashboard' }
    return withInspector(address, terminal, async (watch) => {
      // Users understand a wrong address better here than on the page.
      const { server } = await watch.look()
      return serve(watch, order, server.database, terminal)
    })
  },
}

async function serve(
  watch: ServerWatch,
  order: DashboardOrder,
  database: string,
  terminal: Terminal,
): Promise<ExitStatus> {
  const { listen, PortRefused } = await import('../dashboard/listen.js')
  try {
    const listener = await listenerOf(watch, order, database, terminal)
    const { server, port } = await listen(listener, order.address, order.ports)
    announce(order, database, port, terminal)
    const signal = await interruption()
    server.close()
    server.closeAllConnections()
    return exitCodeOfSignal(signal)
  } catch (error) {
    if (!(error instanceof PortRefused)) throw error
    terminal.err.write(`lockpool: ${error.message}\n`)
    return EXIT.unavailable
  }
}

async function listenerOf(
  watch: ServerWatch,
  { options }: DashboardOrder,
  title: string,
  { err }: Terminal,
): Promise<NodeListener> {
  const { pageAssets } = await import('../../dashboard/assets.js')
  const { DashboardSource } = await import('../../dashboard/dashboard-source.js')
  const { RequestHandler } = await import('../../dashboard/handler.js')
  const { nodeListener } = await import('../../dashboard/node-listener.js')
  const { ErrorLog } = await import('../../dashboard/error-log.js')
  const write = ({ message }: Error): void => err.write(`lockpool: ${printable(message)}\n`)
  const { report } = new ErrorLog(write, systemClock)
  const source = new DashboardSource({
    clock: systemClock,
    report,
    title,
    pool: null,
    look: () => explained(watch.look()),
    end: (target) => explained(watch.end(target)),
  })
  const handler = new RequestHandler(options, { source, assets: pageAssets, clock: systemClock, report })
  return nodeListener((request) => handler.handle(request))
}

/** The driver's message may be empty, or may not explain the server's code. */
async function explained<T>(answer: Promise<T>): Promise<T> {
  const { explain } = await import('../../dialect/postgres/connection/server-errors.js')
  return answer.catch((error: unknown) => {
    throw explain(error)
  })
}

function announce(order: DashboardOrder, database: string, port: number, { out }: Terminal): void {
  const { address, host, isTokenOurs, isJson } = order
  const { token, readers, ending: mayEnd } = order.options
  const url = `http://${host}:${port}/`
  if (isJson) {
    const secret = token === '' ? {} : { token }
    out.write(`${jsonLine({ version: 1, url, address, port, database, mayEnd, ...secret })}\n`)
    return
  }
  out.write(`lockpool: the locks of database ${database} are at ${out.paint('bold', url)}\n`)
  if (isTokenOurs) {
    const what = readers === 'token' ? 'reading the page' : 'ending a session'
    out.write(`lockpool: the token for ${what} is ${token}\n`)
  }
  out.write('lockpool: press Ctrl-C to stop\n')
}

function interruption(): Promise<NodeJS.Signals> {
  const desk = new SignalDesk()
  return new Promise((resolve) => {
    desk.handler = (signal) => {
      if (signal !== 'SIGUSR1' && signal !== 'SIGUSR2') resolve(signal)
    }
  })
}
