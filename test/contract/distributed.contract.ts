import { systemRandom } from '../../src/base/random.js'
import { clientConfig, readConnection } from '../../src/dialect/postgres/config/connection-config.js'
import { EngineDialect } from '../../src/dialect/postgres/distributed/engine-dialect.js'
import { PostgresFactory } from '../../src/dialect/postgres/pool/factory.js'
import { createDatabase } from '../support/database.js'
import { describeLockLink } from './lock-link.contract.js'

/** SQL for the number of members in a list, which has a space before, between and after its members. */
const membersIn = (list: string): string =>
  `greatest(length(${list}) - length(replace(${list}, ' ', '')) - 1, 0)`

/** The contract of a lock link, for rows in distributed SQL, on PostgreSQL with this isolation level. */
export function describeDistributedRows(isolation: string): void {
  describeLockLink(`rows in distributed SQL, ${isolation}`, async () => {
    const database = await createDatabase()
    const name = new URL(database.url).pathname.slice(1)
    await database.query(`ALTER DATABASE ${name} SET default_transaction_isolation = '${isolation}'`)
    const config = clientConfig(readConnection(database.url).settings, 'lockpool test')
    return {
      factory: new PostgresFactory(config),
      dialect: new EngineDialect(
        { by: 'a contract test', namespace: 'contract', random: systemRandom, listenConfig: null },
        'distributed',
      ),
      leftovers: async () => {
        const { rows } = await database.query<{ count: string }>(
          `SELECT coalesce(sum((owner <> 0)::int + ${membersIn('readers')} + ${membersIn('waiters')}), 0) AS count
           FROM lockpool.dist_lease
           WHERE owner NOT IN (SELECT id FROM lockpool.dist_member WHERE dead)`,
        )
        return Number(rows[0]!.count)
      },
      terminate: async (serverId) => {
        await database.query('UPDATE lockpool.dist_member SET dead = true WHERE id = $1', [serverId])
      },
      close: () => database.drop(),
    }
  })
}
