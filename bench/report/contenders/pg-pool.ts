import pg from 'pg'
import { connectionsOf } from '../connections-of.js'
import { POOL_SIZE, type Entrant } from '../contender.js'

const APPLICATION = 'report: pg.Pool'

/** What most people write: a held lock pins a pooled connection. */
export const pgPool: Entrant = {
  name: 'pg.Pool',
  setUp: `pg_advisory_lock on a connection of a pg.Pool with ${POOL_SIZE}, prepared statements, no tokens`,
  needsRedis: false,
  mostHeld: POOL_SIZE - 1,
  open({ postgres }) {
    const pool = new pg.Pool({
      connectionString: postgres,
      max: POOL_SIZE,
      application_name: APPLICATION,
    })
    return Promise.resolve({
      lock: async (key) => {
        const client = await pool.connect()
        await client.query({
          name: 'lock',
          text: 'SELECT pg_advisory_lock(hashtextextended($1, 0))',
          values: [key],
        })
        return async () => {
          await client.query({
            name: 'unlock',
            text: 'SELECT pg_advisory_unlock(hashtextextended($1, 0))',
            values: [key],
          })
          client.release()
        }
      },
      connections: () => connectionsOf(postgres, APPLICATION),
      close: () => pool.end(),
    })
  },
}
