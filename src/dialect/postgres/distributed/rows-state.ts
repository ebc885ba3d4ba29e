import type { Queryable } from '../../queryable.js'
import type { SessionEnd } from '../../server-state.js'
import { stateOf, type RowsState, type UsedRow } from '../table/rows-state.js'
import { ROWS_OF_LOCKS_IN_USE } from './lease-sql.js'
import { ABANDON, COUNT_MEMBERS, ENGINE, MEMBER_NAMES } from './member-sql.js'
import { storedRow, type LeaseColumns } from './stored-row.js'

/** The holders and waiters of all rows. Dead members count as absent. */
export async function readDistributedRows(connection: Queryable): Promise<RowsState> {
  const rows = (await connection.query<LeaseColumns>(ROWS_OF_LOCKS_IN_USE)).rows.map(usersOf)
  const ids = [...new Set(rows.flat().map(({ id }) => id))]
  const members = await connection.query<{ id: string; name: string }>(MEMBER_NAMES, [ids])
  const names = new Map(members.rows.map(({ id, name }) => [id, name]))
  return stateOf(
    rows.flat().flatMap((each) => {
      const name = names.get(each.id)
      return name === undefined ? [] : [{ ...each, name }]
    }),
  )
}

/** What the engine calls itself, with its version. */
export async function readVersion(connection: Queryable): Promise<string> {
  return (await connection.query<{ version: string }>(ENGINE)).rows[0]?.version ?? ''
}

/** The number of lock sessions. */
export async function countMembers(connection: Queryable): Promise<number> {
  return Number((await connection.query<{ count: unknown }>(COUNT_MEMBERS)).rows[0]!.count)
}

/** Declares a member dead, which ends it. */
export async function endDistributedMember(connection: Queryable, id: number): Promise<SessionEnd> {
  const { rows } = await connection.query(ABANDON, [id])
  return rows.length === 0 ? 'none' : 'gone'
}

function usersOf(columns: LeaseColumns): Omit<UsedRow, 'name'>[] {
  const { owner, readers, waiters } = storedRow(columns)
  const { key } = columns
  return [
    ...(owner === null ? [] : [{ key, id: String(owner), is_writer: true, waits: false }]),
    ...readers.map((id) => ({ key, id: String(id), is_writer: false, waits: false })),
    ...waiters.map((id) => ({ key, id: String(Math.abs(id)), is_writer: id > 0, waits: true })),
  ]
}
