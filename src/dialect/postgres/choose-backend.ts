import { hostname } from 'node:os'
import { systemRandom } from '../../base/random.js'
import { show } from '../../base/options.js'
import type { Dialect } from '../dialect.js'
import { clientConfig, readConnection, type PostgresConfig } from './config/connection-config.js'
import type { PostgresConnection } from './connection/connection.js'
import { PostgresDialect } from './postgres-dialect.js'
import { TableDialect } from './table/table-dialect.js'
export interface ReadBackend {
  readonly problems: readonly string[]
  dialect(pool: { readonly applicationName: string; readonly namespace: string }): Dialect<PostgresConnection>
}

/** Reads the options for the backend, with messages about those that are wrong. */
export function readBackend(backend: unknown, listenConnection: PostgresConfig | undefined): ReadBackend {
  const listen = listenConnection === undefined ? null : readConnection(listenConnection)
  const problems: string[] = []
  if (backend !== 'advisory' && backend !== 'table')
    problems.push(`"backend" must be "advisory" or "table", got ${show(backend)}`)
  if (listen !== null && listen.problem !== null)
    problems.push(listen.problem.replace('"connection"', '"listenConnection"'))
  if (listen !== null && backend === 'advisory')
    problems.push('"listenConnection" is for backend "table": with "advisory" every connection can listen')
  return {
    problems,
    dialect: ({ applicationName, namespace }) => {
      const by = `process ${process.pid} on ${hostname()} (${applicationName})`
      if (backend !== 'table') return new PostgresDialect({ namespace, backend: 'advisory', by })
      const listenConfig = listen === null ? null : clientConfig(listen.settings, applicationName)
      return new TableDialect({ by, namespace, random: systemRandom, listenConfig })
    },
  }
}
