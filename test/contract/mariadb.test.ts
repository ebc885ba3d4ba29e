import { describe } from 'vitest'
import { mysqlConfig } from '../../src/dialect/mysql/config/connection-config.js'
import { MysqlDialect } from '../../src/dialect/mysql/mysql-dialect.js'
import { MysqlFactory } from '../../src/dialect/mysql/pool/factory.js'
import { noMariaDb, OwnMariaDb } from '../support/own-mariadb.js'
import { describeLockLink } from './lock-link.contract.js'

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'named locks', () => {
  describeLockLink('MariaDB', async () => {
    const server = await OwnMariaDb.start()
    const config = mysqlConfig(await server.createDatabase()).config
    return {
      factory: new MysqlFactory(config),
      dialect: new MysqlDialect(config.database!),
      tellsWhoQueues: false,
      leftovers: async () => (await server.namedLocks()).length,
      queued: async () => {
        const [row] = await server.query<{ count: string }>(
          `SELECT COUNT(*) AS count FROM information_schema.PROCESSLIST WHERE STATE = 'User lock'`,
        )
        return Number(row!.count)
      },
      terminate: (serverId) => server.kill(serverId),
      close: () => server[Symbol.asyncDispose](),
    }
  })
})
