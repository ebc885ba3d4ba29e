import type { Random } from '../../../base/random.js'
import type { ListeningConnection, NotificationHandlers } from '../../dialect.js'
import type { PlaceRow } from '../../rows/place.js'
import { RowWatch, type RowPoller } from '../../rows/row-watch.js'
import type { Waits } from '../../rows/waits.js'
import type { OwnRow, ServerConnection } from '../connection/server-connection.js'
import { PLACES } from './member-sql.js'

export interface ListeningHost {
  readonly waits: Waits
  readonly handlers: NotificationHandlers
  readonly random: Random
}

/**
 * There are no notifications here: the first waiter for a key polls its row every few milliseconds, the others rarely.
 */
export async function listenForRows(
  connection: ServerConnection,
  host: ListeningHost,
): Promise<ListeningConnection> {
  const watch = new RowWatch({ ...host, poller: pollerOn(connection), source: null })
  watch.start()
  return watch
}

function pollerOn(connection: ServerConnection): RowPoller {
  return {
    places: async (keys, dead) => {
      const gone = new Set(dead)
      return (await connection.say(PLACES, [`[${keys.join(',')}]`])).map((row) => placeRow(row, gone))
    },
    check: () => connection.ping(),
    onEnd: (ended) => connection.onEnd(ended),
  }
}

function placeRow([key, token, owner, readers, waiters]: OwnRow, dead: ReadonlySet<string>): PlaceRow {
  return {
    key: String(key),
    token: String(token),
    is_unowned: owner === null || dead.has(String(owner)),
    // In this database, a release never gives a lock to a waiter by itself.
    owner: null,
    is_unread: String(readers)
      .split(' ')
      .every((reader) => reader === '' || dead.has(reader)),
    waiters: waiters === '' || waiters === undefined ? null : String(waiters),
  }
}
