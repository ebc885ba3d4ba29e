import type { Queryable } from '../../queryable.js'
import type { Interest, LockRow, ServerSession, ServerState, SessionEnd } from '../../server-state.js'
import { hashesOf } from '../keys/key-hash.js'
import { memberSession } from '../../rows/member-session.js'
import { END_MEMBER, ROWS_IN_USE } from './rows-state-sql.js'

export { isMember } from '../../rows/member-id.js'

/** Locks that are rows, in the form of a server's locks. */
export type RowsState = Pick<ServerState, 'sessions' | 'locks' | 'interests'>

export const NO_ROWS: RowsState = { sessions: [], locks: [], interests: [] }

/** A member that holds a key, or waits for it. */
export interface UsedRow {
  readonly key: string
  readonly id: string
  readonly name: string
  readonly is_writer: boolean
  readonly waits: boolean
}

export async function readRows(connection: Queryable): Promise<RowsState> {
  return stateOf((await connection.query<UsedRow>(ROWS_IN_USE)).rows)
}

/** The same for rows that were read in another way. */
export function stateOf(rows: readonly UsedRow[]): RowsState {
  const sessions = new Map<string, ServerSession>()
  for (const row of rows) if (!sessions.has(row.id)) sessions.set(row.id, memberSession(row.id, row.name))
  return {
    sessions: [...sessions.values()],
    locks: rows.filter(({ waits }) => !waits).map(toLock),
    interests: rows.filter(({ waits }) => waits).map(toInterest),
  }
}

/** Declares a member dead, which ends it. */
export async function endMember(connection: Queryable, id: number): Promise<SessionEnd> {
  const { rows } = await connection.query(END_MEMBER, [id])
  return rows.length === 0 ? 'none' : 'gone'
}

function toLock({ key, id, is_writer }: UsedRow): LockRow {
  return {
    target: { kind: 'advisory', id: key, key, hash: hashOfRow(key) },
    pid: Number(id),
    mode: is_writer ? 'exclusive' : 'shared',
    isGranted: true,
    waitedMs: null,
  }
}

function toInterest({ key, id, is_writer }: UsedRow): Interest {
  return { pid: Number(id), hash: hashOfRow(key), isWriter: is_writer }
}

function hashOfRow(key: string): number {
  const bits = BigInt(key)
  return hashesOf(Number(BigInt.asIntN(32, bits >> 32n)), Number(BigInt.asIntN(32, bits)), false).hash
}
