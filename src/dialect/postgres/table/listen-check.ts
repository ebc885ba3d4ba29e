import { systemClock, sleep } from '../../../base/clock.js'
import type { Random } from '../../../base/random.js'
import type { ConnectionEvents } from '../connection/connection.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { explain } from '../connection/server-errors.js'
import { listenTo, unlistenTo } from '../notify/notify-sql.js'
import { NOTIFY_CHANNEL, PLACE_OF_SERVER } from './member-sql.js'

/** How long a notification may take that another connection sends. It takes about a millisecond. */
const ARRIVAL_LIMIT_MS = 2000

/** How long a result counts. Until then a connection that receives nothing is not opened again. */
const TEST_AGAIN_MS = 60_000

/**
 * Tests whether the connection of `listenConnection` receives what the pool's own connections send. If it leads to
 * another database, or through a pooler that shares sessions, it receives nothing, and no statement on it fails.
 */
export class ListenCheck {
  #uselessUntil = -Infinity

  /** Whether the last test failed a short while ago. */
  get isUseless(): boolean {
    return systemClock.now() < this.#uselessUntil
  }

  /** Null if notifications arrive, otherwise why not. */
  async test(listening: ServerConnection, sending: ServerConnection, random: Random): Promise<string | null> {
    const problem = await findProblem(listening, sending, random)
    this.#uselessUntil = problem === null ? -Infinity : systemClock.now() + TEST_AGAIN_MS
    return problem && `"listenConnection" ${problem}: waiting callers poll`
  }
}

async function findProblem(
  listening: ServerConnection,
  sending: ServerConnection,
  random: Random,
): Promise<string | null> {
  const channel = `lockpool_test_${Math.floor(random.next() * 2 ** 48).toString(36)}`
  const arrived = new AbortController()
  const received = (event: ConnectionEvents['notification']): void => {
    if (event.channel === channel) arrived.abort()
  }
  listening.on('notification', received)
  try {
    await listening.query(listenTo(channel))
    await sending.query(NOTIFY_CHANNEL, [channel])
    await sleep(systemClock, ARRIVAL_LIMIT_MS, arrived.signal)
    await listening.query(unlistenTo(channel))
    if (arrived.signal.aborted) return null
    const [here, there] = await Promise.all([placeOf(sending), placeOf(listening)])
    return here === there
      ? 'receives no notifications, as behind a pooler that shares sessions'
      : 'leads to another database or server, where the notifications of this one do not arrive'
  } catch (error) {
    if (sending.hasEnded) throw error
    return `cannot listen (${explain(error).message})`
  } finally {
    listening.off('notification', received)
  }
}

async function placeOf(connection: ServerConnection): Promise<string> {
  return (await connection.query<{ place: string }>(PLACE_OF_SERVER)).rows[0]!.place
}
