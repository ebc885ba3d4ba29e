import type { Queryable } from '../../queryable.js'
import type { ReleaseRequest } from '../../release-request.js'
import {
  ASK_FOR_RELEASE,
  SWEEP_RELEASE_REQUESTS,
  TAKE_RELEASE_REQUESTS,
  WITHDRAW_RELEASE_REQUEST,
} from './release-request-sql.js'

interface RequestRow {
  readonly session: number
  readonly key: string
  readonly permit: number
  readonly reason: string | null
  readonly is_same: boolean | null
}

/** Reads and deletes the requests to these sessions. */
export async function takeReleaseRequests(
  connection: Queryable,
  sessions: readonly number[],
): Promise<ReleaseRequest[]> {
  const { rows } = await connection.query<RequestRow>(TAKE_RELEASE_REQUESTS, [sessions])
  return rows
    .filter(({ is_same }) => is_same !== false)
    .map(({ session, key, permit, reason }) => ({
      serverId: session,
      keyId: key,
      permit: permit === 0 ? null : permit,
      reason,
    }))
}

/** Asks the session that began at `startedAt`. Returns false if it has ended. */
export async function askForRelease(
  connection: Queryable,
  { serverId, keyId, permit, reason }: ReleaseRequest,
  startedAt: string | null,
): Promise<boolean> {
  await connection.query(SWEEP_RELEASE_REQUESTS)
  const { rows } = await connection.query(ASK_FOR_RELEASE, [serverId, startedAt, keyId, permit ?? 0, reason])
  return rows.length > 0
}

/** Withdraws a request. Returns true if the holder had not read it. */
export async function withdrawRequest(
  connection: Queryable,
  { serverId, keyId, permit }: ReleaseRequest,
): Promise<boolean> {
  const { rows } = await connection.query(WITHDRAW_RELEASE_REQUEST, [serverId, keyId, permit ?? 0])
  return rows.length > 0
}
