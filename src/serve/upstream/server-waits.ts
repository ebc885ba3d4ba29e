import { BACKEND } from '../messages/backend.js'
import * as send from './frontend-messages.js'
import { readRow } from './read-description.js'
import { SERVER_WAITS } from './server-waits-sql.js'
import type { ShortCheckouts } from './short-checkouts.js'

/** What the server says of one backend. */
export interface ServerWait {
  /** The pids of the backends for which it waits; null if it does not wait. */
  readonly blockers: readonly number[] | null
  /** The id of the advisory lock that it waits for. */
  readonly awaitedLock: string | null
  /** The ids of the advisory locks that it has. */
  readonly heldLocks: ReadonlySet<string>
}

/** By the pid of the backend. Null if the upstream does not show the pids of its backends, as most poolers. */
export type ServerWaits = ReadonlyMap<number, ServerWait> | null

interface Draft extends ServerWait {
  blockers: readonly number[] | null
  awaitedLock: string | null
  readonly heldLocks: Set<string>
}

/** Asks the upstream for whom these backends wait. @throws {SqlError} {UpstreamError} */
export async function readServerWaits(
  checkouts: ShortCheckouts,
  backends: readonly number[],
): Promise<ServerWaits> {
  const rows: (string | null)[][] = []
  const values = { portal: '', formats: [], values: [Buffer.from(`{${backends.join()}}`)], resultFormats: [] }
  const messages = [send.parse(SERVER_WAITS, []), send.bind(values), send.execute('', 0), send.SYNC]
  let ownBackend: number | null = null
  await checkouts.with((connection) => {
    ownBackend = connection.backend
    return connection.ask(Buffer.concat(messages), BACKEND.readyForQuery, ({ type, body }) => {
      if (type === BACKEND.dataRow) rows.push(readRow(body))
    })
  })
  // A pooler gives its clients other pids than those of the server, and one of them may be that of an unrelated backend.
  if (Number(rows[0]?.[0]) !== ownBackend) return null
  return waitsIn(rows)
}

function waitsIn(rows: readonly (string | null)[][]): ReadonlyMap<number, ServerWait> {
  const waits = new Map<number, Draft>()
  for (const [, pid, granted, key, blockers] of rows) {
    if (pid === null || pid === undefined) continue
    const wait = waits.get(Number(pid)) ?? { blockers: null, awaitedLock: null, heldLocks: new Set() }
    waits.set(Number(pid), wait)
    if (granted === 't') wait.heldLocks.add(key!)
    else {
      wait.awaitedLock = key!
      wait.blockers = (blockers ?? '').split(' ').filter(Boolean).map(Number)
    }
  }
  return waits
}
