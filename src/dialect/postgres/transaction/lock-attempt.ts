import { LockDeadlockError, LockTimeoutError, type DeadlockStep } from '../../../base/errors.js'
import type { Queryable } from '../../queryable.js'
import { readDeadlock, type DeadlockEdge, type DeadlockTarget } from './deadlock-detail.js'
import { SESSIONS_BY_PID, TABLES_BY_ID } from './in-the-way-sql.js'
import { holderInWords, holdersInWords, type HolderRow } from './transaction-words.js'

/** What an attempt to lock in a transaction is about. */
export interface LockAttempt {
  /** What is to be locked, in a sentence. */
  readonly what: string
  /** The same, as it is called in a circle of those who wait. */
  readonly wanted: string
  readonly text: string
  readonly values: unknown[]
  /** As the server takes it: 0 is without end. */
  readonly timeoutMs: number
  /** How to ask who is in the way, when it has failed like this. */
  readonly holders: (error: unknown) => readonly [text: string, values: unknown[]]
  /** Sends what is to be known before, in the same flight; that it fails is as if the attempt had. */
  readonly first?: () => Promise<unknown>
  /** Whether it answers rows of the caller's, which are to be read as everything else that he asks for. */
  readonly isTheirs?: boolean
}

/** It was not to be had in time, or not at once. The server is asked who has it, in the transaction that goes on. */
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
 * The server has found that this wait closes a circle. Names of keys are known here for what this transaction has locked,
 * which is what the last in the circle waits for, and for what it wants.
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
  return new LockDeadlockError({ key: what, cycle: words.circle(edges, wanted) }, { cause })
}

/** For a transaction that has failed: nothing more can be asked. */
export function deadlockedWithoutWords(
  { what, wanted }: Pick<LockAttempt, 'what' | 'wanted'>,
  names: ReadonlyMap<string, string>,
  cause: unknown,
): LockDeadlockError {
  const edges = readDeadlock((cause as { detail?: unknown }).detail)
  const circle = edges === null ? [somewhere(wanted)] : new Words([], [], names).circle(edges, wanted)
  return new LockDeadlockError({ key: what, cycle: circle }, { cause })
}

function somewhere(wanted: string): DeadlockStep {
  return { process: 'this transaction', holds: 'what others wait for', waitsFor: wanted }
}

interface TableRow {
  readonly id: string
  readonly name: string
}

/** How those in a circle, and what they wait for, are called. */
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

  /** Each has what the one before it waits for. */
  circle(edges: readonly DeadlockEdge[], wanted: string): DeadlockStep[] {
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

/** Words are good to have: without them the error says the same in fewer. */
async function rowsOf<Row>(direct: Queryable, text: string, values: unknown[]): Promise<Row[]> {
  try {
    return (await direct.query<Row>(text, values)).rows
  } catch {
    return []
  }
}
