import type { LockRow, LockTarget } from '../../server-state.js'
import { hashesOf } from '../keys/key-hash.js'
import { MOVE_CLASS, SCHEMA_CLASS, SIGNAL_CLASSES } from '../keys/key.js'

/** A row of pg_locks, in the form that LOCKS selects. */
export interface RawLock {
  readonly type: string
  /** The name includes the schema, because an inspection does not use the search path of the session. */
  readonly relation: string | null
  readonly page: number | null
  readonly tuple: number | null
  readonly transaction: string | null
  readonly class: number
  readonly object: number
  readonly sub: number
  readonly pid: number
  readonly mode: string
  readonly granted: boolean
  readonly waited_ms: string | null
}

/** The `objsubid` of an advisory pair. For a bigint key it is 1. */
const PAIR = 2

const SIGNALS: ReadonlySet<number> = new Set(SIGNAL_CLASSES)

/** Whether it is an internal lock of lock sessions, and not a lock of a program. */
export function isInternal({ type, sub, class: first }: RawLock): boolean {
  return type === 'advisory' && sub === PAIR && SIGNALS.has(first)
}

export function decodeLock(raw: RawLock): LockRow {
  return {
    target: targetOf(raw),
    pid: raw.pid,
    mode: modeOf(raw),
    isGranted: raw.granted,
    waitedMs: wholeMs(raw.waited_ms),
  }
}

function targetOf(raw: RawLock): LockTarget {
  const { type, page, tuple, transaction } = raw
  const relation = raw.relation?.replace(/^public\./, '') ?? null
  if (type === 'advisory') return advisoryTarget(raw)
  if (type === 'relation' && relation !== null) return { kind: 'table', table: relation }
  if (type === 'tuple' && relation !== null)
    return { kind: 'row', table: relation, page: page!, tuple: tuple! }
  if (type === 'transactionid' && transaction !== null) return { kind: 'transaction', transaction }
  return { kind: 'other', what: relation === null ? type : `${type} of ${relation}` }
}

function advisoryTarget({ class: first, object, sub }: RawLock): LockTarget {
  const high = first | 0
  const low = object | 0
  if (sub === PAIR && first === SCHEMA_CLASS)
    return { kind: 'other', what: 'the creation of schema lockpool' }
  if (sub === PAIR && first === MOVE_CLASS)
    return { kind: 'other', what: 'the move of a namespace to another backend' }
  const bits = String(BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(object)))
  const isPair = sub === PAIR
  return {
    kind: 'advisory',
    id: isPair ? `p${bits}` : bits,
    key: isPair ? `${high},${low}` : bits,
    hash: hashesOf(high, low, isPair).hash,
  }
}

/** Converts a mode to the words of SQL: `AccessShareLock` becomes `access share`. */
function modeOf({ type, mode }: RawLock): string {
  if (type === 'advisory') return mode === 'ExclusiveLock' ? 'exclusive' : 'shared'
  const words = mode.replace(/Lock$/, '').replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
  return words.toLowerCase()
}

/** The driver returns a bigint as text. An event after the server has read its clock gets the age 0. */
export function wholeMs(ms: string | null): number | null {
  return ms === null ? null : Math.max(0, Number(ms))
}
