import { systemRandom } from '../../src/base/random.js'
import { clientConfig, readConnection } from '../../src/dialect/postgres/config/connection-config.js'
import { PostgresFactory } from '../../src/dialect/postgres/pool/factory.js'
import { TableDialect } from '../../src/dialect/postgres/table/table-dialect.js'
import { createDatabase } from '../support/database.js'
import { describeLockLink } from './lock-link.contract.js'

describeLockLink('rows with leases', async () => {
  const database = await createDatabase()
  const config = clientConfig(readConnection(database.url).settings, 'lockpool test')
  return {
    factory: new PostgresFactory(config),
    dialect: new TableDialect({
      by: 'a contract test',
      namespace: 'contract',
      random: systemRandom,
      listenConfig: null,
    }),
    leftovers: async () => {
      const { rows } = await database.query<{ count: string }>(
        `SELECT coalesce(sum(
           CASE WHEN owner IS NULL THEN 0 ELSE 1 END + coalesce(cardinality(readers), 0) + coalesce(cardinality(waiters), 0)
         ), 0) AS count FROM lockpool.lease
         WHERE (owner IS NULL OR owner NOT IN (SELECT id FROM lockpool.member WHERE dead))`,
      )
      return Number(rows[0]!.count)
    },
    terminate: async (serverId) => {
      await database.query('UPDATE lockpool.member SET dead = true WHERE id = $1', [serverId])
    },
    close: () => database.drop(),
  }
})
