import type { Random } from '../../../base/random.js'
import type { ListeningConnection, NotificationHandlers } from '../../dialect.js'
import type { PlaceRow } from '../../rows/place.js'
import { RowWatch, type RowPoller } from '../../rows/row-watch.js'
import type { Waits } from '../../rows/waits.js'
import { ALIVE } from '../connection/heartbeat-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { LOOK_AT_ROWS } from './lease-sql.js'
import { storedRow, type LeaseColumns } from './stored-row.js'

export interface PollingHost {
  readonly waits: Waits
  readonly handlers: NotificationHandlers
  readonly random: Random
}

/** No engine sends notifications: the first waiter for a key polls its row every few milliseconds, the others rarely. */
export function pollRows(connection: ServerConnection, host: PollingHost): ListeningConnection {
  connection.isPrompt = true
  const watch = new RowWatch({ ...host, poller: pollerOn(connection), source: null })
  watch.start()
  return watch
}

function pollerOn(connection: ServerConnection): RowPoller {
  return {
    places: async (keys, dead) => {
      const gone = new Set(dead.map(Number))
      const { rows } = await connection.query<LeaseColumns>(LOOK_AT_ROWS, [keys])
      return rows.map((row) => placeRow(row, gone))
    },
    check: async () => void (await connection.query(ALIVE)),
    onEnd: (ended) => connection.onEnd(ended),
  }
}

function placeRow(columns: LeaseColumns, dead: ReadonlySet<number>): PlaceRow {
  const { owner, readers, waiters } = storedRow(columns)
  return {
    key: columns.key,
    token: columns.token,
    is_unowned: owner === null || dead.has(owner),
    is_unread: readers.every((each) => dead.has(each)),
    owner: owner === null ? null : String(owner),
    waiters: waiters.length === 0 ? null : waiters.join(' '),
  }
}
