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
import { EXIT, exitRows } from '../exit-codes.js'
import { exitCodeOfSignal, SignalDesk } from '../run/signals.js'
import { jsonLine, printable } from '../../base/printable.js'
import type { ServerWatch } from '../inspect/server-watch.js'
import type { Terminal } from '../terminal.js'
import { UsageError } from '../usage-error.js'

export const command: Command<DashboardFlags> = {
  usage: '[FLAGS]',
  description: [
    'Shows the locks of a database in a browser, live: who holds what and since when, who waits, who blocks whom, and what is worth a look. It sees all locks of the database, whoever takes them, through one connection, and only while a page is open.',
    'Nothing is changed by looking. With --allow-end sessions can be ended from the page, by whoever knows the token and types the process id of the session. Only this host can reach it, unless --listen says otherwise; it speaks no TLS, so put a proxy in front if others are to.',
  ],
  flags: DASHBOARD_FLAGS,
  environment: [
    ...CONNECTION_ENVIRONMENT,
    [
      'LOCKPOOL_DASHBOARD_TOKEN',
      'the token, if it is to be the same each time: from 16 to 200 characters; without it there is a new one each time',
    ],
  ],
  examples: [
    ['lockpool dashboard', 'what is going on in DATABASE_URL'],
    ['lockpool dashboard --allow-end --url postgres://me@db/app', 'on call: look, and end what is stuck'],
    [
      'ssh -L 7433:localhost:7433 db lockpool dashboard',
      'on another host, without opening it to anybody else',
    ],
    [
      'lockpool dashboard --listen 0.0.0.0 --name locks.internal',
      'behind a proxy, for those who have the token',
    ],
  ],
  exitCodes: [
    ['128+n', 'signal n ended it: this is how it ends'],
    ...exitRows('usage', 'unavailable', 'config', 'internal'),
  ],
  async run({ flags, args, rest, terminal }) {
    if (rest !== null) throw new UsageError('lockpool dashboard takes no arguments')
    const order = readDashboardOrder(flags, args, process.env)
    const { withWatch } = await import('../inspect/server-watch.js')
    const address = { url: flags.url, applicationName: 'lockpool dashboard' }
    return withWatch(address, terminal, async (watch) => {
      // A mistake in the address is better said here than on a page.
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
  const tell = ({ message }: Error): void => err.write(`lockpool: ${printable(message)}\n`)
  const { report } = new ErrorLog(tell, systemClock)
  const source = new DashboardSource({
    clock: systemClock,
    report,
    title,
    pool: null,
    look: () => explained(watch.look()),
    end: (victim) => explained(watch.end(victim)),
  })
  const handler = new RequestHandler(options, { source, assets: pageAssets, clock: systemClock, report })
  return nodeListener((request) => handler.handle(request))
}

/** What the driver says may be empty, or leave out what the server's code means. */
async function explained<T>(answer: Promise<T>): Promise<T> {
  const { explain } = await import('../../dialect/postgres/postgres-errors.js')
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
    const what = readers === 'token' ? 'To look' : 'To end a session'
    out.write(`lockpool: ${what} there, one needs this token: ${token}\n`)
  }
  out.write('lockpool: Ctrl-C ends it\n')
}

function interruption(): Promise<NodeJS.Signals> {
  const desk = new SignalDesk()
  return new Promise((resolve) => {
    desk.handler = (signal) => {
      if (signal !== 'SIGUSR1' && signal !== 'SIGUSR2') resolve(signal)
    }
  })
}
