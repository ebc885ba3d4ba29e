import type { ExitStatus } from '../command.js'
import { isMysql } from '../mysql/address.js'
import type { ServerAddress } from '../server.js'
import type { Terminal } from '../terminal.js'
import type { Inspector } from './inspector.js'

/** Gives `use` a look at the server, of whatever kind it is. If that fails, it prints a line and answers the exit code. */
export async function withInspector(
  address: ServerAddress,
  terminal: Terminal,
  use: (inspector: Inspector) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  if (isMysql(address.url)) {
    const { withMysqlWatch } = await import('../mysql/watch.js')
    return withMysqlWatch(address, terminal, use)
  }
  const { withWatch } = await import('./server-watch.js')
  return withWatch(address, terminal, use)
}
