import { systemClock } from '../../base/clock.js'
import { jsonLine } from '../../base/printable.js'
import { moveBackend, type Moved } from '../../dialect/mysql/migrate/move-backend.js'
import type { ServerConnection } from '../../dialect/mysql/connection/server-connection.js'
import type { ExitStatus } from '../command.js'
import { EXIT } from '../exit-codes.js'
import { explainFailure, hangUp } from '../server.js'
import type { Terminal } from '../terminal.js'
import { mysqlConfigOf, openMysql } from './open.js'

/** The signals that end the command. It undoes the move first. */
const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']

/** How long a new connection may take that puts the record back. */
const REOPEN_LIMIT_MS = 5000

export interface MysqlMigration {
  readonly url: string | undefined
  readonly namespace: string
  readonly to: 'named' | 'table'
  readonly by: string
  readonly timeoutMs: number
  readonly isJson: boolean
}

/** Moves the locks of a namespace to another backend, in the database of the URL. */
export async function migrateInMysql(order: MysqlMigration, terminal: Terminal): Promise<ExitStatus> {
  let caught: NodeJS.Signals | null = null
  const stop = new AbortController()
  for (const signal of SIGNALS)
    process.on(signal, () => {
      caught ??= signal
      stop.abort()
    })
  try {
    const moved = await move(order, stop.signal)
    if (moved.isMoved) {
      print(order, moved.from, terminal)
      return EXIT.ok
    }
    const { inTheWay } = moved
    const why = inTheWay === null ? `ended by ${String(caught)}` : `these are still in use: ${inTheWay}`
    terminal.err.write(`lockpool: nothing was changed, ${why}\n`)
    return caught ?? EXIT.busy
  } catch (error) {
    const code = await explainFailure(error, terminal)
    return caught ?? code
  }
}

async function move({ url, by, ...order }: MysqlMigration, signal: AbortSignal): Promise<Moved> {
  const config = mysqlConfigOf({ url, applicationName: 'lockpool migrate-backend' })
  const server = await openMysql(config, signal)
  const reopen = (): Promise<ServerConnection> => openMysql(config, AbortSignal.timeout(REOPEN_LIMIT_MS))
  try {
    return await moveBackend(
      server,
      { ...order, database: config.database ?? null, by: `${by}, connection ${server.threadId}` },
      { clock: systemClock, signal, reopen },
    )
  } finally {
    await hangUp(server)
  }
}

function print({ namespace, to, isJson }: MysqlMigration, from: string | null, { out }: Terminal): void {
  out.write(
    isJson
      ? `${jsonLine({ version: 1, namespace, from, to })}\n`
      : `lockpool: locks are kept with backend "${to}" from now on\n`,
  )
}
