import { connectTo } from '../../server.js'
import { connectionsOf } from '../connections-of.js'
import { MOST_CONNECTIONS, type Entrant } from '../contender.js'

const APPLICATION = 'report: connection per lock'

export const connectionPerLock: Entrant = {
  name: 'a connection per lock',
  setUp: 'connects, calls pg_advisory_lock, and disconnects to release, with pg, no tokens',
  needsRedis: false,
  mostHeld: MOST_CONNECTIONS,
  open({ postgres }) {
    return Promise.resolve({
      lock: async (key) => {
        const client = await connectTo(postgres, { application_name: APPLICATION })
        await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [key])
        return () => client.end()
      },
      connections: () => connectionsOf(postgres, APPLICATION),
      close: () => Promise.resolve(),
    })
  },
}
