import { LockDeadlockError, LockTimeoutError, type DeadlockStep } from '../../../base/errors.js'
import type { Queryable } from '../../queryable.js'
import { readDeadlock, type DeadlockEdge, type DeadlockTarget } from './deadlock-detail.js'
import { SESSIONS_BY_PID, TABLES_BY_ID } from './in-the-way-sql.js'
import { holderInWords, holdersInWords, type HolderRow } from './transaction-words.js'

/** One attempt to acquire a lock in a transaction. */
export interface LockAttempt {
  /** The name of what should be locked, for a sentence. */
  readonly what: string
  /** Its name in a cycle of waits. */
  readonly wanted: string
  readonly text: string
  readonly values: unknown[]
  /** The value of lock_timeout: 0 means no limit. */
  readonly timeoutMs: number
  /** The statement that finds the holders after a failure with this error. */
  readonly holders: (error: unknown) => readonly [text: string, values: unknown[]]
  /** Sends a statement that must precede the lock, in the same flight. If it fails, the attempt fails. */
  readonly first?: () => Promise<unknown>
  /** Whether the answer has rows for the caller, which the caller's own parsers must read. */
  readonly isTheirs?: boolean
}

/**
 * The error for a lock that was not free in time, or not at once. This asks the server for the holders, in the same
 * transaction, which continues.
 */
export async function timedOut(
  direct: Queryable,
  { what, holders }: Pick<LockAttempt, 'what' | 'holders'>,
  waitedMs: number,
  cause?: unknown,
): Promise<LockTimeoutError> {
  const [text, values] = holders(cause)
  const holder = await inTheWay(direct, text, values)
  const details = { key: what, phase: 'locking', waitedMs, holder } as const
  return new LockTimeoutError(details, cause === undefined ? undefined : { cause })
}

async function inTheWay(direct: Queryable, text: string, values: unknown[]): Promise<string | null> {
  const rows = await rowsOf<HolderRow & { waits_for?: string | null }>(direct, text, values)
  const having = rows.filter(({ waits_for: waitsFor }) => waitsFor === null || waitsFor === undefined)
  if (having.length > 0 || rows.length === 0) return holdersInWords(having)
  const pids = rows.flatMap(({ waits_for: waitsFor }) => waitsFor!.split(' ').filter(Boolean).map(Number))
  const others = holdersInWords(await rowsOf<HolderRow>(direct, SESSIONS_BY_PID, [[...new Set(pids)]]))
  return `${holdersInWords(rows)}${others === null ? '' : `, waiting for ${others}`}`
}

/**
 * The error for a deadlock that the server has found. The names of keys come from what this transaction has locked,
 * which is what the last session of the cycle waits for, and from what it wants.
 */
export async function deadlocked(
  direct: Queryable,
  { what, wanted }: Pick<LockAttempt, 'what' | 'wanted'>,
  names: ReadonlyMap<string, string>,
  cause: unknown,
): Promise<LockDeadlockError> {
  const edges = readDeadlock((cause as { detail?: unknown }).detail)
  if (edges === null) return new LockDeadlockError({ key: what, cycle: [somewhere(wanted)] }, { cause })
  const words = await Words.of(direct, edges, names)
  return new LockDeadlockError({ key: what, cycle: words.cycle(edges, wanted) }, { cause })
}

/** The same error for a transaction that has failed, where no more statements can run. */
export function deadlockedWithoutWords(
  { what, wanted }: Pick<LockAttempt, 'what' | 'wanted'>,
  names: ReadonlyMap<string, string>,
  cause: unknown,
): LockDeadlockError {
  const edges = readDeadlock((cause as { detail?: unknown }).detail)
  const cycle = edges === null ? [somewhere(wanted)] : new Words([], [], names).cycle(edges, wanted)
  return new LockDeadlockError({ key: what, cycle }, { cause })
}

function somewhere(wanted: string): DeadlockStep {
  return { process: 'this transaction', holds: 'what others wait for', waitsFor: wanted }
}

interface TableRow {
  readonly id: string
  readonly name: string
}

/** The names of the sessions in a cycle, and of the locks that they wait for. */
class Words {
  readonly #sessions: ReadonlyMap<number, HolderRow>
  readonly #tables: ReadonlyMap<string, string>
  readonly #keys: ReadonlyMap<string, string>

  constructor(
    sessions: readonly HolderRow[],
    tables: readonly TableRow[],
    keys: ReadonlyMap<string, string>,
  ) {
    this.#sessions = new Map(sessions.map((row) => [row.pid, row]))
    this.#tables = new Map(tables.map(({ id, name }) => [id, name]))
    this.#keys = keys
  }

  static async of(
    direct: Queryable,
    edges: readonly DeadlockEdge[],
    keys: ReadonlyMap<string, string>,
  ): Promise<Words> {
    const tables = edges.flatMap(({ target }) => ('table' in target ? [target.table] : []))
    const [sessions, named] = await Promise.all([
      rowsOf<HolderRow>(direct, SESSIONS_BY_PID, [edges.map(({ pid }) => pid)]),
      tables.length === 0 ? [] : rowsOf<TableRow>(direct, TABLES_BY_ID, [tables]),
    ])
    return new Words(sessions, named, keys)
  }

  /** Each step holds what the step before it waits for. */
  cycle(edges: readonly DeadlockEdge[], wanted: string): DeadlockStep[] {
    const targets = edges.map(({ target }, i) => (i === 0 ? wanted : this.#target(target)))
    return edges.map(({ pid }, i) => ({
      process: this.#session(pid),
      holds: targets.at(i - 1)!,
      waitsFor: targets[i]!,
    }))
  }

  #session(pid: number): string {
    const row = this.#sessions.get(pid)
    return row === undefined ? `process ${pid}` : holderInWords(row)
  }

  #target(target: DeadlockTarget): string {
    if (target.kind === 'key') return this.#keys.get(target.id) ?? target.text
    if (target.kind === 'other') return target.text
    const name = this.#tables.get(target.table) ?? target.table
    return target.kind === 'row' ? `a row of ${name}` : `table ${name}`
  }
}

/** Names are optional: without them the error has the same content in fewer words. */
async function rowsOf<Row>(direct: Queryable, text: string, values: unknown[]): Promise<Row[]> {
  try {
    return (await direct.query<Row>(text, values)).rows
  } catch {
    return []
  }
}
