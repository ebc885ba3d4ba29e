import type pg from 'pg'
import type { Random } from '../../../base/random.js'
import type { ListeningConnection, NotificationHandlers } from '../../dialect.js'
import type { PlaceRow } from '../../rows/place.js'
import { RowWatch, type NotificationSource, type RowPoller } from '../../rows/row-watch.js'
import type { Waits } from '../../rows/waits.js'
import type { ConnectionEvents } from '../connection/connection.js'
import type { OwnValue } from '../connection/own-query.js'
import { HEARTBEAT } from '../connection/heartbeat-sql.js'
import { ServerConnection } from '../connection/server-connection.js'
import { listenTo, unlistenTo } from '../notify/notify-sql.js'
import type { ListenCheck } from './listen-check.js'
import { MEMBER_CHANNEL } from './batch-sql.js'
import { PLACES } from './member-sql.js'

const OPEN_TIMEOUT_MS = 5000

export interface ListeningHost {
  readonly waits: Waits
  readonly handlers: NotificationHandlers
  readonly random: Random
  readonly listenCheck: ListenCheck
}

/** The pool's connection `poller` polls the rows. It also listens if it keeps its server session. */
export async function listenForRows(
  poller: ServerConnection,
  listenConfig: pg.ClientConfig | null,
  host: ListeningHost,
): Promise<ListeningConnection> {
  poller.isPrompt = true
  const isDirect = await leadsToOwnSession(poller)
  const own = isDirect ? poller : null
  const source = listenConfig === null ? own : ((await openTested(listenConfig, poller, host)) ?? own)
  const watch = new RowWatch({
    ...host,
    poller: pollerOn(poller, isDirect),
    source: source && sourceOn(source, poller),
  })
  try {
    watch.start()
    return watch
  } catch (error) {
    await watch.stop().catch(() => undefined)
    throw error
  }
}

function pollerOn(connection: ServerConnection, isDirect: boolean): RowPoller {
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
function sourceOn(connection: ServerConnection, poller: ServerConnection): NotificationSource {
  const isOwn = connection !== poller
  return {
    changeMembers: async (begin, end) => {
      await connection.query([...begin.map(listenToMember), ...end.map(unlistenToMember)].join(';'))
    },
    onNotified: (notified) => {
      const received = ({ channel, payload }: ConnectionEvents['notification']): void => {
        if (channel.startsWith(MEMBER_CHANNEL) && payload !== undefined)
          notified(channel.slice(MEMBER_CHANNEL.length), payload)
      }
      connection.on('notification', received)
      return () => void connection.off('notification', received)
    },
    check: async () => void (await connection.query(HEARTBEAT)),
    onEnd: (ended) => (isOwn ? connection.onEnd(ended) : () => undefined),
    stop: async (listened) => {
      if (isOwn) connection.destroy()
      else if (listened.length > 0) await connection.query(listened.map(unlistenToMember).join(';'))
    },
    destroy: () => isOwn && connection.destroy(),
  }
}

const listenToMember = (memberId: string): string => listenTo(`${MEMBER_CHANNEL}${memberId}`)
const unlistenToMember = (memberId: string): string => unlistenTo(`${MEMBER_CHANNEL}${memberId}`)

/** Null if the connection receives no notifications. Then the pool warns. */
async function openTested(
  config: pg.ClientConfig,
  poller: ServerConnection,
  { listenCheck, handlers, random }: ListeningHost,
): Promise<ServerConnection | null> {
  if (listenCheck.isUseless) return null
  const opened = await open(config)
  const problem = await listenCheck.test(opened, poller, random).catch((error: unknown) => {
    opened.destroy()
    throw error
  })
  if (problem === null) return opened
  opened.destroy()
  handlers.onProblem?.(problem)
  return null
}

function open(config: pg.ClientConfig): Promise<ServerConnection> {
  return ServerConnection.open(config, AbortSignal.timeout(OPEN_TIMEOUT_MS))
}

/** Whether the connection keeps its server session, which keeps prepared statements and receives notifications. */
async function leadsToOwnSession(connection: ServerConnection): Promise<boolean> {
  const { rows } = await connection.query<{ pid: number }>(HEARTBEAT)
  return rows[0]!.pid === connection.processID
}

const PLACES_STATEMENT = { name: 'lockpool_places', text: PLACES } as const
