import type pg from 'pg'
import type { Random } from '../../../base/random.js'
import type { ListeningConnection, NotificationHandlers } from '../../dialect.js'
import type { PlaceRow } from '../../rows/place.js'
import { RowWatch, type NotificationSource, type Looker } from '../../rows/row-watch.js'
import type { Waits } from '../../rows/waits.js'
import type { ConnectionEvents } from '../connection/connection.js'
import type { OwnValue } from '../connection/own-query.js'
import { HEARTBEAT } from '../connection/heartbeat-sql.js'
import { ServerConnection } from '../connection/server-connection.js'
import { listenTo, unlistenTo } from '../notify/notify-sql.js'
import { MEMBER_CHANNEL } from './batch-sql.js'
import { PLACES } from './member-sql.js'

const OPEN_TIMEOUT_MS = 5000

export interface ListeningPorts {
  readonly waits: Waits
  readonly handlers: NotificationHandlers
  readonly random: Random
}

/** The pool's connection `looker` polls the rows. It also listens if it keeps its server session. */
export async function listenForRows(
  looker: ServerConnection,
  listenConfig: pg.ClientConfig | null,
  ports: ListeningPorts,
): Promise<ListeningConnection> {
  looker.isPrompt = true
  const isDirect = await leadsToOwnSession(looker)
  const source = listenConfig === null ? (isDirect ? looker : null) : await open(listenConfig)
  const watch = new RowWatch({
    ...ports,
    looker: lookerOn(looker, isDirect),
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

function lookerOn(connection: ServerConnection, isDirect: boolean): Looker {
  const rows = isDirect
    ? (values: OwnValue[]) => connection.prepared<PlaceRow>(PLACES_STATEMENT, values)
    : async (values: OwnValue[]) => (await connection.query<PlaceRow>(PLACES, values)).rows
  return {
    places: (keys, dead) => rows([keys, dead]),
    check: async () => void (await connection.query(HEARTBEAT)),
    onEnd: (ended) => connection.onEnd(ended),
  }
}

/** Listens on a separate connection, or on the one that polls. */
function sourceOn(connection: ServerConnection, looker: ServerConnection): NotificationSource {
  const isOwn = connection !== looker
  return {
    hear: async (begin, end) => {
      await connection.query([...begin.map(listenToMember), ...end.map(unlistenToMember)].join(';'))
    },
    onNotified: (notified) => {
      const told = ({ channel, payload }: ConnectionEvents['notification']): void => {
        if (channel.startsWith(MEMBER_CHANNEL) && payload !== undefined)
          notified(channel.slice(MEMBER_CHANNEL.length), payload)
      }
      connection.on('notification', told)
      return () => void connection.off('notification', told)
    },
    check: async () => void (await connection.query(HEARTBEAT)),
    onEnd: (ended) => (isOwn ? connection.onEnd(ended) : () => undefined),
    stop: async (heard) => {
      if (isOwn) connection.destroy()
      else if (heard.length > 0) await connection.query(heard.map(unlistenToMember).join(';'))
    },
    destroy: () => isOwn && connection.destroy(),
  }
}

const listenToMember = (memberId: string): string => listenTo(`${MEMBER_CHANNEL}${memberId}`)
const unlistenToMember = (memberId: string): string => unlistenTo(`${MEMBER_CHANNEL}${memberId}`)

function open(config: pg.ClientConfig): Promise<ServerConnection> {
  return ServerConnection.open(config, AbortSignal.timeout(OPEN_TIMEOUT_MS))
}

/** Whether the connection keeps its server session, which keeps prepared statements and receives notifications. */
async function leadsToOwnSession(connection: ServerConnection): Promise<boolean> {
  const { rows } = await connection.query<{ pid: number }>(HEARTBEAT)
  return rows[0]!.pid === connection.processID
}

const PLACES_STATEMENT = { name: 'lockpool_places', text: PLACES } as const
