import { isMember } from '../../rows/member-id.js'
import { memberSession } from '../../rows/member-session.js'
import type { AdvisoryTarget, Interest, LockRow, SessionEnd } from '../../server-state.js'
import type { SessionReport } from '../../session-report.js'
import type { OwnRow, ServerConnection } from '../connection/server-connection.js'
import { errorNumber, isDenied, NO_SUCH_TABLE } from '../connection/server-errors.js'
import type { NamedLock, OtherLocks } from '../inspect/read-server-state.js'
import { hashOf, LockNames } from '../keys/lock-names.js'
import { bitsOfRow, encodeRowKey, encodeRowSemaphore, hashOfRow, idOfRow } from './key.js'
import { ABANDON } from './member-sql.js'
import { LIVING_MEMBERS, ROWS_IN_USE } from './rows-state-sql.js'

export { isMember }

/** The number of low bits in which the slots, or the shapes, of a semaphore differ. */
const PART_BITS = 10n

const NOTHING: OtherLocks = { sessions: [], locks: [], interests: [], names: [] }

/**
 * Locks that are rows, in the form of a server's locks. They have the names that they would have as named locks,
 * because a user who asks for a key does not know its backend.
 */
export async function readRows(
  server: ServerConnection,
  database: string | null,
  names: Iterable<NamedLock>,
): Promise<OtherLocks> {
  let rows: readonly OwnRow[]
  let members: ReadonlyMap<string, string>
  try {
    rows = await server.say(ROWS_IN_USE)
    members = new Map((await server.say(LIVING_MEMBERS)).map(([id, name]) => [String(id), String(name)]))
  } catch (error) {
    if (errorNumber(error) === NO_SUCH_TABLE || isDenied(error)) return NOTHING
    throw error
  }
  const book = new RowNames(database, names)
  const locks: LockRow[] = []
  const interests: Interest[] = []
  for (const [key, owner, readers, waiters] of rows) {
    const target = book.targetOf(String(key))
    const has = (id: string, mode: string): void => {
      if (members.has(id)) locks.push({ target, pid: Number(id), mode, isGranted: true, waitedMs: null })
    }
    if (owner !== null) has(String(owner), 'exclusive')
    for (const id of split(readers)) has(id, 'shared')
    for (const id of split(waiters)) {
      const pid = Math.abs(Number(id))
      if (members.has(String(pid))) interests.push({ pid, hash: target.hash, isWriter: !id.startsWith('-') })
    }
  }
  const seen = new Set([...locks, ...interests].map(({ pid }) => pid))
  const sessions = [...members]
    .filter(([id]) => seen.has(Number(id)))
    .map(([id, name]) => memberSession(id, name))
  return { sessions, locks, interests, names: book.all }
}

/** The reports by their sessions, with the ids that `readRows` gives to rows. */
export function reportsOf(
  reports: readonly SessionReport[],
  database: string | null,
  names: Iterable<NamedLock>,
): ReadonlyMap<number, SessionReport> {
  const book = new RowNames(database, names)
  const shown = <T>(entries: ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
    new Map([...entries].map(([id, each]) => [book.shown(id), each]))
  return new Map(
    reports.map((report) => [
      report.serverId,
      { ...report, holds: shown(report.holds), waits: shown(report.waits) },
    ]),
  )
}

/** Declares a member dead, which ends it. Others can acquire its locks at once. */
export async function endMember(server: ServerConnection, id: number): Promise<SessionEnd> {
  return (await server.change(ABANDON, [id])) === 0 ? 'none' : 'gone'
}

function split(list: OwnRow[number] | undefined): string[] {
  return String(list ?? '')
    .split(' ')
    .filter((each) => each !== '')
}

/** Finds the key that a row belongs to, among the keys with known names. */
class RowNames {
  readonly all: NamedLock[] = []
  readonly #names: LockNames
  readonly #locks = new Map<string, string>()
  readonly #slots = new Map<bigint, string>()
  readonly #shapes = new Map<bigint, string>()

  constructor(database: string | null, names: Iterable<NamedLock>) {
    this.#names = new LockNames(database)
    for (const each of names) this.#add(each)
  }

  /** A key by its own id, or that of its row. */
  shown(id: string): string {
    const bits = bitsOfRow(id)
    return bits === null ? id : this.#idOf(bits)
  }

  targetOf(bits: string): AdvisoryTarget {
    const id = this.#idOf(bits)
    const hash = id.startsWith('lp1') ? hashOf(id) : hashOfRow(id)
    return { kind: 'advisory', id, key: id, hash }
  }

  #idOf(bits: string): string {
    const lock = this.#locks.get(bits)
    if (lock !== undefined) return lock
    const base = BigInt(bits) >> PART_BITS
    const part = BigInt(bits) - (base << PART_BITS)
    const slots = this.#slots.get(base)
    if (slots !== undefined) return `${slots}/s${part}`
    const shapes = this.#shapes.get(base)
    return shapes === undefined ? idOfRow(bits) : `${shapes}=${part}/0`
  }

  #add({ name, namespace, permits }: NamedLock): void {
    if (permits === null) {
      const { id } = this.#names.key(name, namespace)
      this.#locks.set(encodeRowKey(name, namespace).bits, id)
      this.all.push({ id, name, namespace, permits })
      return
    }
    const { id } = this.#names.semaphore(name, 1, namespace).key
    const { key, shape, slot } = encodeRowSemaphore(name, 1, namespace)
    this.#locks.set(key.bits, id)
    this.#slots.set(BigInt(slot(0).bits) >> PART_BITS, id)
    this.#shapes.set(BigInt(shape.bits) >> PART_BITS, id)
    this.all.push({ id, name, namespace, permits })
  }
}
