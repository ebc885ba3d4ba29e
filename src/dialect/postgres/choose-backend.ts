import { hostname } from 'node:os'
import type pg from 'pg'
import { systemRandom } from '../../base/random.js'
import { show } from '../../base/options.js'
import type { Dialect } from '../dialect.js'
import { clientConfig, readConnection, type PostgresConfig } from './config/connection-config.js'
import type { PostgresConnection } from './connection/connection.js'
import { PORTABLE } from './connection/portable.js'
import { PostgresDialect } from './postgres-dialect.js'
import type { Engine } from './distributed/engine.js'
import { EngineDialect } from './distributed/engine-dialect.js'

/** The options that say how locks are kept, as the program gave them. */
export interface BackendOptions {
  readonly backend: unknown
  readonly engine: unknown
  readonly listenConnection: PostgresConfig | undefined
}

export interface ReadBackend {
  readonly problems: readonly string[]
  /** The settings of connections, with what the engine needs. */
  connectionConfig(config: pg.ClientConfig): pg.ClientConfig
  dialect(pool: { readonly applicationName: string; readonly namespace: string }): Dialect<PostgresConnection>
}

/** Reads the options for the backend, with messages about those that are wrong. */
export function readBackend({ backend, engine, listenConnection }: BackendOptions): ReadBackend {
  const listen = listenConnection === undefined ? null : readConnection(listenConnection)
  const problems: string[] = []
  if (backend !== 'advisory' && backend !== 'table')
    problems.push(`"backend" must be "advisory" or "table", got ${show(backend)}`)
  if (engine !== undefined && !isEngine(engine))
    problems.push(`"engine" must be "postgres" or "distributed", got ${show(engine)}`)
  else if (engine !== undefined && backend === 'advisory')
    problems.push('"engine" is for backend "table": advisory locks are those of PostgreSQL')
  if (engine === 'distributed' && listen !== null)
    problems.push('"listenConnection" is for engine "postgres": no distributed engine sends notifications')
  if (listen !== null && listen.problem !== null)
    problems.push(listen.problem.replace('"connection"', '"listenConnection"'))
  if (listen !== null && backend === 'advisory')
    problems.push('"listenConnection" is for backend "table": with "advisory" every connection can listen')
  const given = isEngine(engine) ? engine : null
  return {
    problems,
    connectionConfig: (config) => (given === 'distributed' ? { ...config, [PORTABLE]: true } : config),
    dialect: ({ applicationName, namespace }) => {
      const by = `process ${process.pid} on ${hostname()} (${applicationName})`
      if (backend !== 'table') return new PostgresDialect({ namespace, backend: 'advisory', by })
      const listenConfig = listen === null ? null : clientConfig(listen.settings, applicationName)
      return new EngineDialect({ by, namespace, random: systemRandom, listenConfig }, given)
    },
  }
}

function isEngine(engine: unknown): engine is Engine {
  return engine === 'postgres' || engine === 'distributed'
}
