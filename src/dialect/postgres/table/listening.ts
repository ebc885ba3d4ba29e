import type pg from 'pg'
import type { Random } from '../../../base/random.js'
import type { ListeningConnection, NotificationHandlers } from '../../dialect.js'
import type { PlaceRow } from '../../rows/place.js'
import { RowWatch, type NotificationSource, type Looker } from '../../rows/row-watch.js'
import type { Waits } from '../../rows/waits.js'
import type { ConnectionEvents } from '../connection/connection.js'
import { HEARTBEAT } from '../connection/heartbeat-sql.js'
import { ServerConnection } from '../connection/server-connection.js'
import { listenTo, unlistenTo } from '../notify/notify-sql.js'
import { TABLE_CHANNEL } from './batch-sql.js'
import { PLACES } from './member-sql.js'

const OPEN_TIMEOUT_MS = 5000

export interface ListeningPorts {
  readonly waits: Waits
  readonly handlers: NotificationHandlers
  readonly random: Random
}

/** The connection is one of the pool's. Where it leads to a server session of its own, that listens as well. */
export async function listenForRows(
  looker: ServerConnection,
  listenConfig: pg.ClientConfig | null,
  ports: ListeningPorts,
): Promise<ListeningConnection> {
  looker.isPrompt = true
  const source = listenConfig === null ? await itselfIfDirect(looker) : await open(listenConfig)
  const watch = new RowWatch({
    ...ports,
    looker: lookerOn(looker),
    source: source && sourceOn(source, looker),
  })
  try {
    watch.start()
    return watch
  } catch (error) {
    await watch.stop().catch(() => undefined)
    throw error
  }
}

function lookerOn(connection: ServerConnection): Looker {
  return {
    places: async (keys, dead) => (await connection.query<PlaceRow>(PLACES, [keys, dead])).rows,
    check: async () => void (await connection.query(HEARTBEAT)),
    onEnd: (ended) => connection.onEnd(ended),
  }
}

/** On a connection of its own, or on that which looks. */
function sourceOn(connection: ServerConnection, looker: ServerConnection): NotificationSource {
  const isOwn = connection !== looker
  return {
    hear: async (isNeeded) => {
      await connection.query(isNeeded ? listenTo(TABLE_CHANNEL) : unlistenTo(TABLE_CHANNEL))
    },
    onNotified: (notified) => {
      const told = ({ channel, payload }: ConnectionEvents['notification']): void => {
        if (channel === TABLE_CHANNEL && payload !== undefined) notified(payload)
      }
      connection.on('notification', told)
      return () => void connection.off('notification', told)
    },
    check: async () => void (await connection.query(HEARTBEAT)),
    onEnd: (ended) => (isOwn ? connection.onEnd(ended) : () => undefined),
    stop: async (isHearing) => {
      if (isOwn) connection.destroy()
      else if (isHearing) await connection.query(unlistenTo(TABLE_CHANNEL))
    },
    destroy: () => isOwn && connection.destroy(),
  }
}

function open(config: pg.ClientConfig): Promise<ServerConnection> {
  return ServerConnection.open(config, AbortSignal.timeout(OPEN_TIMEOUT_MS))
}

async function itselfIfDirect(looker: ServerConnection): Promise<ServerConnection | null> {
  const { rows } = await looker.query<{ pid: number }>(HEARTBEAT)
  return rows[0]!.pid === looker.processID ? looker : null
}
