import { clientConfig, readConnection } from '../../src/dialect/postgres/config/connection-config.js'
import { PostgresDialect } from '../../src/dialect/postgres/postgres-dialect.js'
import { PostgresFactory } from '../../src/dialect/postgres/pool/factory.js'
import { createDatabase } from '../support/database.js'
import { describeLockLink } from './lock-link.contract.js'

describeLockLink('PostgreSQL', async () => {
  const database = await createDatabase()
  return {
    factory: new PostgresFactory(clientConfig(readConnection(database.url).settings, 'lockpool test')),
    dialect: new PostgresDialect(),
    leftovers: async () => {
      const { rows } = await database.query<{ count: string }>(
        `SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
         WHERE locktype = 'advisory' AND datname = current_database()`,
      )
      return Number(rows[0]!.count)
    },
    queued: async () => {
      const { rows } = await database.query<{ count: string }>(
        `SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
         WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()`,
      )
      return Number(rows[0]!.count)
    },
    terminate: async (serverId) => {
      await database.query('SELECT pg_terminate_backend($1)', [serverId])
    },
    close: () => database.drop(),
  }
})
