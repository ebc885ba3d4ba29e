import type { LeaseRow } from '../../rows/row-change.js'

/** A row of `lockpool.dist_lease`. */
export interface StoredRow extends LeaseRow {
  readonly version: bigint
}

/** The columns of a row, as the server returns them. */
export interface LeaseColumns {
  readonly key: string
  readonly version: string
  readonly owner: string
  readonly readers: string
  readonly waiters: string
  readonly token: string
}

export function storedRow({ version, owner, readers, waiters, token }: LeaseColumns): StoredRow {
  return {
    version: BigInt(version),
    owner: owner === '0' ? null : Number(owner),
    readers: membersIn(readers),
    waiters: membersIn(waiters),
    token: BigInt(token),
  }
}

/**
 * The version of a row after a write. It is never below the token. A new row starts above the floor, and a row is
 * removed only if its version is not above the floor. So no version of a key comes twice, and a late statement for a
 * row that was removed finds another version.
 */
export function nextVersion(before: bigint, after: LeaseRow): bigint {
  const next = before + 1n
  return after.token > next ? after.token : next
}

/** A list as a column has it: with a space on both sides of each member, so that it can be searched for one. */
export function listOf(members: readonly number[]): string {
  return members.length === 0 ? '' : ` ${members.join(' ')} `
}

function membersIn(list: string): readonly number[] {
  return list === '' ? NONE : list.trim().split(' ').map(Number)
}

const NONE: readonly number[] = []

export function isSameRow(a: LeaseRow, b: LeaseRow): boolean {
  return (
    a.token === b.token &&
    a.owner === b.owner &&
    isSameList(a.readers, b.readers) &&
    isSameList(a.waiters, b.waiters)
  )
}

function isSameList(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i])
}
