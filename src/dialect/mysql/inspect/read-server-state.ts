import { sleep, systemClock } from '../../../base/clock.js'
import type { NamedKey } from '../../named-key.js'
import type {
  AdvisoryTarget,
  Interest,
  KeyName,
  KeyNames,
  LockRow,
  SemaphorePart,
  ServerSession,
  ServerState,
  SessionEnd,
} from '../../server-state.js'
import { hashOf, REGISTRATION_SUFFIXES, SHAPE_SLOTS, slotNames, WRITER_SUFFIX } from '../keys/lock-names.js'
import {
  ALL_LOCKS,
  IS_THERE,
  killSession,
  LOCKS_OF_NAMES,
  OPEN_CONNECTIONS,
  READ_KEY_NAMES,
  READ_SLOTS,
  SERVER_FACTS,
  SESSIONS,
  SESSIONS_BY_SECOND,
  SWEEP_KEY_NAMES,
  WRITE_KEY_NAMES,
} from './inspect-sql.js'
import { errorNumber } from '../connection/server-errors.js'
import type { OwnRow, ServerConnection } from '../connection/server-connection.js'

/** A recorded name of a key. */
export interface NamedLock {
  /** For a semaphore, the id of its KeyCode. */
  readonly id: string
  readonly name: string
  readonly namespace: string
  /** Null for a lock. */
  readonly permits: number | null
}

/** The maximum number of permits of a semaphore, for semaphores whose number is unknown. */
const MOST_PERMITS = 1000

/** The names of our locks, with the suffixes of internal locks. */
const OURS = /^(lp1[0-9a-f]{32})(?:\/([0-9]|[sr]\d+|[lw])|=(\d+)\/\d)?$/
/** That of a raw name counts as such only while the name is held: it may be the name of a program. */
const REGISTRATION = /^(.+)\/(?:\d|[lw])$/
const INTERNAL = /^(?:lpbell|lpwait|lpfence|lpuse|lpmove)\//

export function namedLock({ code, name, namespace, semaphore }: NamedKey): NamedLock {
  return { id: code.id, name, namespace, permits: semaphore?.permits ?? null }
}

export async function writeNames(server: ServerConnection, names: readonly NamedKey[]): Promise<void> {
  const rows = names.map((each) => {
    const { id, name, namespace, permits } = namedLock(each)
    return [id, name, namespace, permits]
  })
  await server.say(WRITE_KEY_NAMES, [JSON.stringify(rows)])
  await server.say(SWEEP_KEY_NAMES)
}

/** The locks of the other backend, with the names that are known for them. */
export interface OtherLocks extends Pick<ServerState, 'sessions' | 'locks' | 'interests'> {
  readonly names: readonly NamedLock[]
}

/**
 * Reads the named locks of a server and their holders. If the server can't list all named locks, only those with a
 * recorded or given name.
 */
export async function readListedLocks(
  server: ServerConnection,
  given: readonly NamedLock[],
  readOthers: (database: string | null, names: readonly NamedLock[]) => Promise<OtherLocks>,
): Promise<ServerState> {
  const facts = (await server.say(SERVER_FACTS))[0]!
  const open = Number((await server.say(OPEN_CONNECTIONS))[0]![1])
  const stored = await readNames(server)
  const known = [...(stored ?? []), ...given]
  const others = await readOthers(facts[2] === null ? null : String(facts[2]), known)
  const names = new LockNameBook([...known, ...others.names])
  const sessions = await readSessions(server)
  const own = sorted(await readLocks(server, known), names)
  const locks = [...own.locks, ...others.locks]
  return {
    server: {
      at: new Date(Number(facts[0])),
      product: server.isMariaDb ? 'MariaDB' : 'MySQL',
      version: String(facts[1]).replace(/-mariadb.*/i, ''),
      database: String(facts[2] ?? ''),
      isStandby: Number(facts[3]) !== 0,
      lockTable: { used: locks.length, capacity: Infinity },
      connections: { used: open, max: Number(facts[4]) },
      hasKeyNames: stored !== null,
    },
    sessions: [...sessions.map((row) => sessionOf(row, own.owners)), ...others.sessions],
    locks,
    blockers: new Map(),
    interests: [...own.interests, ...others.interests],
    announcements: [],
    names,
  }
}

/** Ends a session, and waits until it is gone. While the server runs, it never uses an id twice. */
export async function endSession(server: ServerConnection, id: number): Promise<SessionEnd> {
  const isThere = async (): Promise<boolean> => Number((await server.say(IS_THERE, [id]))[0]![0]) > 0
  if (!(await isThere())) return 'none'
  await server.say(killSession(id))
  for (let attempt = 0; attempt < 100; attempt++) {
    if (!(await isThere())) return 'gone'
    await sleep(systemClock, 50)
  }
  return 'there'
}

class LockNameBook implements KeyNames {
  readonly #locks = new Map<string, NamedLock>()

  constructor(names: readonly NamedLock[]) {
    for (const each of names) this.#locks.set(each.id, each)
  }

  nameOf({ id }: AdvisoryTarget): KeyName | null {
    const known = this.#locks.get(id)
    return known === undefined ? null : { name: known.name, namespace: known.namespace }
  }

  semaphoreOf({ id }: AdvisoryTarget): SemaphorePart | null {
    const [, base, suffix, shape] = OURS.exec(id) ?? []
    if (base === undefined) return null
    const known = this.#locks.get(base)
    const semaphore = { name: known?.name ?? base, namespace: known?.namespace ?? '' }
    const part = { semaphore, id: base, hash: hashOf(base) }
    if (shape !== undefined) return { ...part, part: 'shape', number: Number(shape) }
    return suffix?.startsWith('s') === true
      ? { ...part, part: 'slot', number: Number(suffix.slice(1)) }
      : null
  }
}

/** Returns null if there is no table of names, or if this user may not read it. */
async function readNames(server: ServerConnection): Promise<NamedLock[] | null> {
  try {
    const rows = await server.say(READ_KEY_NAMES)
    return rows.map(([id, name, namespace, permits]) => ({
      id: String(id),
      name: String(name),
      namespace: String(namespace),
      permits: permits === null || permits === undefined ? null : Number(permits),
    }))
  } catch (error) {
    if (errorNumber(error) === undefined) throw error
    return null
  }
}

async function readSessions(server: ServerConnection): Promise<readonly OwnRow[]> {
  try {
    return await server.say(SESSIONS)
  } catch (error) {
    if (errorNumber(error) === undefined) throw error
    return server.say(SESSIONS_BY_SECOND)
  }
}

async function readLocks(server: ServerConnection, names: Iterable<NamedLock>): Promise<readonly OwnRow[]> {
  try {
    return await server.say(ALL_LOCKS[server.isMariaDb ? 'mariadb' : 'mysql'])
  } catch (error) {
    if (errorNumber(error) === undefined) throw error
  }
  const slots = await readSlots(server)
  const all = [...names].flatMap((each) => partsOf(each, slots.get(each.namespace) ?? 0))
  return all.length === 0 ? [] : server.say(LOCKS_OF_NAMES, [JSON.stringify(all)])
}

/** The numbers of reader slots, by namespace. Most namespaces have none. */
async function readSlots(server: ServerConnection): Promise<ReadonlyMap<string, number>> {
  try {
    const rows = await server.say(READ_SLOTS)
    return new Map(rows.map(([namespace, slots]) => [String(namespace), Number(slots)]))
  } catch (error) {
    if (errorNumber(error) === undefined) throw error
    return new Map()
  }
}

/** All names that may be held for a lock or a semaphore. */
function partsOf({ id, permits }: NamedLock, sharedSlots: number): string[] {
  const registrations = REGISTRATION_SUFFIXES.map((suffix) => `${id}${suffix}`)
  if (permits === null && sharedSlots === 0) return [id, ...registrations]
  if (permits === null) return [id, ...registrations, `${id}${WRITER_SUFFIX}`, ...slotNames(id, sharedSlots)]
  const count = permits === 0 ? MOST_PERMITS : permits
  const slots = Array.from({ length: count }, (_, slot) => `${id}/s${slot}`)
  const shapes = permits === 0 ? [] : Array.from({ length: SHAPE_SLOTS }, (_, i) => `${id}=${permits}/${i}`)
  return [...slots, ...shapes, ...registrations]
}

/** Separates locks of programs from internal locks that show that a process waits. */
function sorted(
  rows: readonly OwnRow[],
  names: KeyNames,
): { readonly locks: LockRow[]; readonly interests: Interest[]; readonly owners: ReadonlySet<number> } {
  const locks: LockRow[] = []
  const interests: Interest[] = []
  const owners = new Set<number>()
  const held = new Set(rows.map(([, text]) => String(text)))
  const seen = rows
    .map(([owner, text]) => ({ pid: Number(owner), name: String(text) }))
    .filter(({ name }) => !INTERNAL.test(name))
    .map((each) => ({ ...each, ours: OURS.exec(each.name) }))
  // A waiting process of a key with readers may be a reader. A writer has announced itself.
  const read = new Set(seen.flatMap(({ ours }) => (isSlot(ours?.[2]) ? [ours![1]!] : [])))
  const writers = new Set(
    seen.filter(({ ours }) => ours?.[2] === 'w').map(({ pid, ours }) => `${pid} ${ours![1]!}`),
  )
  for (const { pid, name, ours } of seen) {
    const [, base, suffix] = ours ?? []
    if (base !== undefined) owners.add(pid)
    const [, raw] = base === undefined ? (REGISTRATION.exec(name) ?? []) : []
    if (raw !== undefined && held.has(raw)) {
      if (!name.endsWith(WRITER_SUFFIX)) interests.push({ pid, hash: hashOf(raw), isWriter: true })
    } else if (base !== undefined && isSlot(suffix))
      locks.push({ target: targetOf(base), pid, mode: 'shared', isGranted: true, waitedMs: null })
    // The first session of a queue waits too. The server lists none of those behind it.
    else if (base !== undefined && suffix !== undefined && /^(?:\d|l)$/.test(suffix))
      interests.push({ pid, hash: hashOf(base), isWriter: !read.has(base) || writers.has(`${pid} ${base}`) })
    else if (suffix !== 'w')
      locks.push({ target: targetOf(name), pid, mode: modeOf(name, names), isGranted: true, waitedMs: null })
  }
  return { locks, interests, owners }
}

function isSlot(suffix: string | undefined): boolean {
  return suffix?.startsWith('r') === true
}

function targetOf(name: string): AdvisoryTarget {
  return { kind: 'advisory', id: name, key: name, hash: hashOf(name) }
}

function modeOf(name: string, names: KeyNames): string {
  return names.semaphoreOf(targetOf(name))?.part === 'shape' ? 'shared' : 'exclusive'
}

function sessionOf(row: OwnRow, owners: ReadonlySet<number>): ServerSession {
  const [id, user, host, command, ms, query] = row
  const pid = Number(id)
  return {
    pid,
    // The process list has no application name.
    application: String(user),
    host: host === null ? null : String(host).replace(/:\d+$/, ''),
    user: String(user),
    state: command === 'Sleep' ? 'idle' : String(command).toLowerCase(),
    waitsFor: null,
    query: query === null || query === undefined ? null : String(query),
    startedAt: null,
    sessionMs: null,
    transactionMs: null,
    stateMs: Number(ms),
    isLockSession: owners.has(pid),
  }
}
