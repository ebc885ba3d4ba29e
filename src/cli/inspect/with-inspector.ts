import type { ExitStatus } from '../command.js'
import { isMysql } from '../mysql/address.js'
import type { ServerAddress } from '../server.js'
import type { Terminal } from '../terminal.js'
import type { ServerWatch } from './server-watch.js'

/** Calls `use` with a connected watch, for every kind of server. If that fails, it prints a line and returns the exit code. */
export async function withInspector(
  address: ServerAddress,
  terminal: Terminal,
  use: (watch: ServerWatch) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  if (isMysql(address.url)) {
    const { withMysqlWatch } = await import('../mysql/watch.js')
    return withMysqlWatch(address, terminal, use)
  }
  const { withPostgresWatch } = await import('./server-watch.js')
  return withPostgresWatch(address, terminal, use)
}
