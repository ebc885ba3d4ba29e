import type { LockJson, SessionJson, StateJson } from '../state-json.js'
import { sessionName } from './words.js'

/** A filter of the table, shown as a button: all locks, some of them, or those of one kind. */
export type Chip = 'all' | 'held' | 'waited' | 'here' | `kind ${string}`

export type SortBy = 'urgency' | 'title' | 'holder' | 'age' | 'token' | 'waiters'

export interface Wanted {
  readonly chip: Chip
  readonly text: string
  readonly sortBy: SortBy
  readonly isDescending: boolean
}

export interface ChipCount {
  readonly chip: Chip
  readonly label: string
  readonly count: number
}

/** The chips to show, with the number of locks that each selects. */
export function chipCounts({ locks, process }: StateJson): ChipCount[] {
  const kinds = [...new Set(locks.map(({ kind }) => kind))].toSorted()
  const chips: { readonly chip: Chip; readonly label: string }[] = [
    { chip: 'all', label: 'All' },
    { chip: 'held', label: 'Held' },
    { chip: 'waited', label: 'Waited for' },
    ...(process === null ? [] : [{ chip: 'here' as const, label: 'This process' }]),
    ...(kinds.length < 2
      ? []
      : kinds.map((kind) => ({ chip: `kind ${kind}` as const, label: nameOfKind(kind) }))),
  ]
  return chips.map(({ chip, label }) => ({
    chip,
    label,
    count: locks.reduce((sum, lock) => sum + Number(isOf(lock, chip)), 0),
  }))
}

function nameOfKind(kind: string): string {
  return `${kind[0]!.toUpperCase()}${kind.slice(1)}`
}

/** The locks to show, in the order to show them. */
export function selectLocks({ locks, sessions }: StateJson, wanted: Wanted): LockJson[] {
  const text = wanted.text.trim().toLowerCase()
  const chosen = locks.filter(
    (lock) => isOf(lock, wanted.chip) && (text === '' || hasText(lock, sessions, text)),
  )
  const compare = ORDERS[wanted.sortBy]
  const sign = wanted.isDescending ? -1 : 1
  return chosen.toSorted(
    // Equal rows keep their order from one update to the next.
    (a, b) => sign * compare(a, b, sessions) || compareText(a.title, b.title) || compareText(a.id, b.id),
  )
}

function isOf({ kind, holders, waiters }: LockJson, chip: Chip): boolean {
  switch (chip) {
    case 'all':
      return true
    case 'held':
      return holders.length > 0
    case 'waited':
      return waiters.length > 0
    case 'here':
      return holders.some(({ isHere }) => isHere) || waiters.some(({ isHere }) => isHere)
    default:
      return chip === `kind ${kind}`
  }
}

type Sessions = StateJson['sessions']
type Order = (a: LockJson, b: LockJson, sessions: Sessions) => number

const ORDERS: Readonly<Record<SortBy, Order>> = {
  // The longest wait first, then locks with waiters, then the longest hold.
  urgency: (a, b) =>
    longestWait(a) - longestWait(b) || a.waiters.length - b.waiters.length || longestHeld(a) - longestHeld(b),
  title: (a, b) => compareText(a.title, b.title),
  holder: (a, b, sessions) => compareText(holderOf(a, sessions), holderOf(b, sessions)),
  age: (a, b) => longestHeld(a) - longestHeld(b),
  token: (a, b) => compareTokens(tokenOf(a), tokenOf(b)),
  waiters: (a, b) => a.waiters.length - b.waiters.length,
}

/** The longest wait of its waiters; -1 without waiters, so that a wait that has just begun ranks higher. */
export function longestWait({ waiters }: LockJson): number {
  return waiters.reduce((longest, each) => Math.max(longest, each.atLeastMs), -1)
}

function longestHeld({ holders }: LockJson): number {
  return holders.reduce((longest, { atLeastMs }) => Math.max(longest, atLeastMs), -1)
}

/** The token of the holder; with several holders the greatest one. */
export function tokenOf({ holders }: LockJson): string | null {
  const tokens = holders.map(({ token }) => token).filter((token) => token !== null)
  return tokens.toSorted(compareTokens).at(-1) ?? null
}

/** Compares as text, because tokens exceed the safe integers of JavaScript. */
function compareTokens(a: string | null, b: string | null): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null)
  return a.length - b.length || compareText(a, b)
}

function holderOf({ holders }: LockJson, sessions: Sessions): string {
  const [first] = holders
  return first === undefined ? '' : sessionName(sessions[String(first.pid)], first.pid)
}

function hasText(lock: LockJson, sessions: Sessions, text: string): boolean {
  if (has(lock.title, text) || has(lock.key, text) || has(lock.namespace, text) || has(lock.kind, text))
    return true
  return [...lock.holders, ...lock.waiters].some(({ pid, label }) => {
    if (has(label, text)) return true
    if (pid === null) return false
    return String(pid) === text || sessionHas(sessions[String(pid)], text)
  })
}

function sessionHas(session: SessionJson | undefined, text: string): boolean {
  return (
    session !== undefined &&
    [session.application, session.host, session.user, session.process?.host ?? null].some((each) =>
      has(each, text),
    )
  )
}

function has(value: string | null, text: string): boolean {
  return value?.toLowerCase().includes(text) === true
}

/** Without `localeCompare`, which takes a hundred times as long for two thousand locks. */
function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
