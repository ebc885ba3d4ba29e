import { describe } from 'vitest'
import { systemRandom } from '../../src/base/random.js'
import { mysqlConfig } from '../../src/dialect/mysql/config/connection-config.js'
import { MysqlFactory } from '../../src/dialect/mysql/pool/factory.js'
import { MysqlTableDialect } from '../../src/dialect/mysql/table/table-dialect.js'
import { noMariaDb, OwnMariaDb } from '../support/own-mariadb.js'
import { describeLockLink } from './lock-link.contract.js'

/** SQL for the number of members in a list, which is a string of numbers with a space before, between and after them. */
const membersIn = (list: string): string =>
  `GREATEST(CHAR_LENGTH(${list}) - CHAR_LENGTH(REPLACE(${list}, ' ', '')) - 1, 0)`

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'rows in InnoDB', () => {
  describeLockLink('rows with leases in MariaDB', async () => {
    const server = await OwnMariaDb.start()
    const config = mysqlConfig(await server.createDatabase()).config
    const database = config.database!
    return {
      factory: new MysqlFactory(config),
      dialect: new MysqlTableDialect({
        by: 'a contract test',
        namespace: 'contract',
        database,
        random: systemRandom,
      }),
      leftovers: async () => {
        const [row] = await server.query<{ count: string }>(
          `SELECT COALESCE(SUM((owner IS NOT NULL) + ${membersIn('readers')} + ${membersIn('waiters')}), 0) AS count
           FROM ${database}.lockpool_lease
           WHERE owner IS NULL OR owner NOT IN (SELECT id FROM ${database}.lockpool_member WHERE dead = 1)`,
        )
        return Number(row!.count)
      },
      terminate: async (serverId) => {
        await server.query(`UPDATE ${database}.lockpool_member SET dead = 1 WHERE id = ?`, [serverId])
      },
      close: () => server[Symbol.asyncDispose](),
    }
  })
})
