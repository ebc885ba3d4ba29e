import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT } from '../connection.js'
import { exitRows } from '../exit-codes.js'
import { readServeOrder, SERVE_FLAGS, type ServeFlags } from '../serve/serve-order.js'

export const command: Command<ServeFlags> = {
  usage: '[FLAGS]',
  description: [
    'Listens as a PostgreSQL server would, for programs in any language, with their usual driver. It answers pg_advisory_lock and its family itself, with the locks of one pool: thousands of clients hold and wait over a few server connections, and exclude programs that lock straight at the server.',
    'A client that disconnects gives its locks up at once. A lock that is lost ends its connection, as the end of a server session would. Statements that are not about locks are refused, or passed on with --others.',
    'On SIGHUP it reads the users and the certificate again. On SIGTERM or SIGINT it accepts no new clients, disconnects idle ones, and gives the others --grace to finish. A second signal ends it at once.',
  ],
  flags: SERVE_FLAGS,
  environment: CONNECTION_ENVIRONMENT,
  examples: [
    ['lockpool serve --dev', 'try it: a temporary PostgreSQL, and psql -p 6543'],
    [
      'lockpool serve --users users.txt --tls-cert c.pem --tls-key k.pem --listen 0.0.0.0:6543',
      'for other hosts',
    ],
    ['lockpool serve --trust --others postgres://app@127.0.0.1:6432/app', 'in front of PgBouncer'],
  ],
  exitCodes: [['0', 'SIGTERM or SIGINT ended it'], ...exitRows('usage', 'unavailable', 'config', 'internal')],
  async run({ flags, args, rest, terminal }) {
    const order = readServeOrder({ flags, args, rest })
    const { runServe } = await import('../serve/run-serve.js')
    return runServe(order, terminal)
  },
}
