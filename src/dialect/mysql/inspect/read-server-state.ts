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
import { hashOf, INTEREST_SUFFIXES, SHAPE_SLOTS } from '../keys/lock-names.js'
import {
  ALL_LOCKS,
  IS_THERE,
  killSession,
  LOCKS_OF_NAMES,
  OPEN_CONNECTIONS,
  READ_KEY_NAMES,
  SERVER_FACTS,
  SESSIONS,
  SESSIONS_BY_SECOND,
  SWEEP_KEY_NAMES,
  WRITE_KEY_NAMES,
} from './inspect-sql.js'
import { errorNumber } from '../connection/server-errors.js'
import type { OwnRow, ServerConnection } from '../connection/server-connection.js'

/** The name of a key, as it is written down. */
export interface NamedLock {
  /** Of a semaphore, that of its KeyCode. */
  readonly id: string
  readonly name: string
  readonly namespace: string
  /** Null for a lock. */
  readonly permits: number | null
}

/** As many permits as a semaphore may have, for whom it is not known how many it has. */
const MOST_PERMITS = 1000

/** What a named lock is for: one of ours, with a suffix for what belongs to a lock. */
const OURS = /^(lp1[0-9a-f]{32})(?:\/([0-9]|s\d+|l)|=(\d+)\/\d)?$/
const INTERNAL = /^(?:lpbell\/|lpfence\/)/

export async function writeNames(server: ServerConnection, names: readonly NamedKey[]): Promise<void> {
  const rows = names.map(({ code, name, namespace, semaphore }) => [
    code.id,
    name,
    namespace,
    semaphore?.permits ?? null,
  ])
  await server.say(WRITE_KEY_NAMES, [JSON.stringify(rows)])
  await server.say(SWEEP_KEY_NAMES)
}

/** Locks that are kept in another way, and what is known of their names. */
export interface OtherLocks extends Pick<ServerState, 'sessions' | 'locks' | 'interests'> {
  readonly names: readonly NamedLock[]
}

/**
 * The named locks of a server and who has them. Where the server has no list of them, those whose names are written down, or
 * are given.
 */
export async function lookAround(
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
      version: String(facts[1]),
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

/** Ends a session, and waits until it is gone. Numbers of sessions do not come again while the server runs. */
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

/** Null if there is no table of names, or it may not be read. */
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
  const all = [...names].flatMap(partsOf)
  return all.length === 0 ? [] : server.say(LOCKS_OF_NAMES, [JSON.stringify(all)])
}

/** All names that may be held for a lock, or a semaphore. */
function partsOf({ id, permits }: NamedLock): string[] {
  const interest = INTEREST_SUFFIXES.map((suffix) => `${id}${suffix}`)
  if (permits === null) return [id, ...interest]
  const count = permits === 0 ? MOST_PERMITS : permits
  const slots = Array.from({ length: count }, (_, slot) => `${id}/s${slot}`)
  const shapes = permits === 0 ? [] : Array.from({ length: SHAPE_SLOTS }, (_, i) => `${id}=${permits}/${i}`)
  return [...slots, ...shapes, ...interest]
}

/** What is a lock of somebody's, and what says that a process waits. */
function sorted(
  rows: readonly OwnRow[],
  names: KeyNames,
): { readonly locks: LockRow[]; readonly interests: Interest[]; readonly owners: ReadonlySet<number> } {
  const locks: LockRow[] = []
  const interests: Interest[] = []
  const owners = new Set<number>()
  for (const [owner, text] of rows) {
    const [pid, name] = [Number(owner), String(text)]
    if (INTERNAL.test(name)) continue
    const [, base, suffix] = OURS.exec(name) ?? []
    if (base !== undefined) owners.add(pid)
    // The head of a line waits as well; those behind it are in no list of the server.
    if (base !== undefined && suffix !== undefined && /^(?:\d|l)$/.test(suffix))
      interests.push({ pid, hash: hashOf(base), isWriter: true })
    else
      locks.push({ target: targetOf(name), pid, mode: modeOf(name, names), isGranted: true, waitedMs: null })
  }
  return { locks, interests, owners }
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
    // There is no name of a program in the process list.
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
