import postgres from 'postgres'
import { connectionsOf } from '../connections-of.js'
import { POOL_SIZE, type Entrant } from '../contender.js'

const APPLICATION = 'report: postgres'

export const postgresJs: Entrant = {
  name: 'postgres',
  setUp: `pg_advisory_lock on a reserved connection of the package postgres, ${POOL_SIZE} connections, no tokens`,
  needsRedis: false,
  mostHeld: POOL_SIZE - 1,
  open({ postgres: url }) {
    const sql = postgres(url, { max: POOL_SIZE, connection: { application_name: APPLICATION } })
    return Promise.resolve({
      lock: async (key) => {
        const connection = await sql.reserve()
        await connection`SELECT pg_advisory_lock(hashtextextended(${key}, 0))`
        return async () => {
          await connection`SELECT pg_advisory_unlock(hashtextextended(${key}, 0))`
          connection.release()
        }
      },
      connections: () => connectionsOf(url, APPLICATION),
      close: () => sql.end(),
    })
  },
}
