import { setTimeout as pause } from 'node:timers/promises'
import { describe } from 'vitest'
import { mysqlConfig } from '../../src/dialect/mysql/config/connection-config.js'
import { MysqlDialect } from '../../src/dialect/mysql/mysql-dialect.js'
import { MysqlFactory } from '../../src/dialect/mysql/pool/factory.js'
import { noMariaDb, OwnMariaDb } from '../support/own-mariadb.js'
import { describeLockLink } from './lock-link.contract.js'

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'named locks', () => {
  describe.each([0, 4])('with %i reader slots', (sharedSlots) => {
    describeLockLink('MariaDB', async () => {
      const server = await OwnMariaDb.start()
      const config = mysqlConfig(await server.createDatabase()).config
      return {
        factory: new MysqlFactory(config),
        dialect: new MysqlDialect(config.database!, { claim: null, sharedSlots }),
        tellsWhoQueues: false,
        leftovers: async () => (await server.namedLocks()).length,
        // A session that the server has woken shows its old state until it runs. So only a state that lasts counts.
        queued: async () => {
          const before = await sessionsInWait(server)
          await pause(20)
          return (await sessionsInWait(server)).filter((id) => before.includes(id)).length
        },
        terminate: (serverId) => server.kill(serverId),
        close: () => server[Symbol.asyncDispose](),
      }
    })
  })
})

/** The sessions that wait for a named lock. */
async function sessionsInWait(server: OwnMariaDb): Promise<number[]> {
  const rows = await server.query<{ id: number }>(
    `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE STATE = 'User lock'`,
  )
  return rows.map(({ id }) => id)
}
