import type { ClientConfig } from 'pg'
import { systemClock } from '../../base/clock.js'
import { inTime } from '../../base/in-time.js'
import type { ServerConnection } from '../../dialect/postgres/connection/server-connection.js'
import { LockPool } from '../../postgres-lock-pool.js'
import { LISTEN_TO_DOCTOR, NOTHING, NOTIFY_DOCTOR } from '../doctor/doctor-sql.js'
import { openConnection } from '../server.js'
import { ANSWER_LIMIT_MS, noNotification, type BenchConnection, type BenchServer } from './run-bench.js'

interface PostgresConnection extends BenchConnection {
  readonly server: ServerConnection
}

/** PostgreSQL, as it is measured. */
export function postgresBench(config: ClientConfig, hasTokens: boolean): BenchServer<PostgresConnection> {
  return {
    async open() {
      const server = await openConnection(config)
      return { server, roundTrip: () => server.query(NOTHING), close: () => server.close() }
    },
    makePool: (options) =>
      new LockPool({ ...options, connection: config, fencing: hasTokens ? 'auto' : 'off' }),
    wakeUp: {
      name: 'notification',
      async prepare({ server: sender }, { server: listener }, mark) {
        let heard: (payload: string | undefined) => void = () => undefined
        listener.on('notification', ({ payload }) => heard(payload))
        await listener.query(LISTEN_TO_DOCTOR)
        let count = 0
        return async () => {
          const payload = `${mark} ${count++}`
          const since = systemClock.now()
          const arrival = new Promise<void>((resolve, reject) => {
            heard = (each) => each === payload && resolve()
            sender.query(NOTIFY_DOCTOR, [payload]).catch(reject)
          })
          await inTime(systemClock, ANSWER_LIMIT_MS, arrival, noNotification)
          return systemClock.now() - since
        }
      },
    },
  }
}
