import type { ServerSession } from '../../dialect/server-state.js'
import { blockedCount, longestWaitMs, type Chain } from '../../inspect/chains.js'
import { durationInWords } from '../../inspect/durations-in-words.js'
import { lockId, titled, waitersOf, type LockWaiter, type ServerLock } from '../../inspect/server-lock.js'
import { sessionInBrief, sessionInWords } from '../../inspect/session-in-words.js'
import type { LockSnapshot } from '../../inspect/snapshot.js'
import { rootInWords, waitInWords } from '../inspect/chain-view.js'
import { printable } from '../../base/printable.js'
import { tableLines, type Column } from '../inspect/columns.js'
import { clipped } from '../text-width.js'
import { byUrgency, LOCK_COLUMNS, longestWaitMs as longestOf } from '../inspect/locks-view.js'
import type { TopState, View } from './top-state.js'

/** A line of the table. */
export interface Row {
  readonly id: string
  readonly text: string
  /** The session to end or to describe; null if the lock is not held. */
  readonly session: ServerSession | null
  /** The lock of the row. */
  readonly lock: ServerLock | null
  /** Whether there are waiters. */
  readonly isHot: boolean
}

export interface Table {
  readonly head: string
  readonly rows: readonly Row[]
  /** How they are sorted, by name. */
  readonly order: string
}

type Order<T> = readonly [name: string, compare: (a: T, b: T) => number]

/** The content of a view. */
export function tableOf(state: TopState, snapshot: LockSnapshot, width: number): Table {
  return TABLES[state.view](state, snapshot, width)
}

/** How many rows each view has without a filter. */
export function countsOf({ locks, chains }: LockSnapshot): Readonly<Record<View, number>> {
  return { held: locks.filter(isHeld).length, waiting: waitersOf(locks), blocking: chains.length }
}

const TABLES: Readonly<Record<View, (state: TopState, snapshot: LockSnapshot, width: number) => Table>> = {
  held: (state, { locks }, width) => {
    const held = locks.filter(isHeld).map((lock) => ({ lock, id: lockId(lock) }))
    const columns = LOCK_COLUMNS.map((column) => ({
      ...column,
      cell: ({ lock }: (typeof held)[number]) => column.cell(lock),
    }))
    const orders = LOCK_ORDERS.map(([name, compare]): Order<(typeof held)[number]> => [
      name,
      (a, b) => compare(a.lock, b.lock),
    ])
    return table(state, held, orders, columns, width, ({ lock }) => ({
      session: lock.holders[0]?.session ?? null,
      lock,
      isHot: lock.waiters.length > 0,
    }))
  },

  waiting: (state, { locks }, width) => {
    const waits = locks.flatMap((lock) =>
      lock.waiters.map((waiter) => ({ lock, waiter, id: `${lockId(lock)} ${waiter.session.pid}` })),
    )
    return table(state, waits, WAIT_ORDERS, WAIT_COLUMNS, width, ({ lock, waiter }) => ({
      session: waiter.session,
      lock,
      isHot: (waiter.waitedMs ?? 0) >= LONG_WAIT_MS,
    }))
  },

  blocking: (state, { chains }, width) => {
    const sorted = inOrder(state, chains, CHAIN_ORDERS)
    const rows = sorted.list.flatMap((chain) => branch(chain, '', '', `${chain.session.pid}`))
    const lines = rows.map((row) => ({ ...row, text: clipped(printable(row.text), width) }))
    // A tree with gaps is useless, so a filter keeps whole trees.
    return {
      head: 'who blocks whom (pid, client)',
      rows: filtered(state, lines, (row) => row.id.split(' ')[0]!),
      order: sorted.name,
    }
  },
}

const LONG_WAIT_MS = 5000

interface Wait {
  readonly lock: ServerLock
  readonly waiter: LockWaiter
  readonly id: string
}

const WAIT_COLUMNS: readonly Column<Wait>[] = [
  { title: 'waits (pid, client)', cell: ({ waiter }) => sessionInBrief(waiter.session), widest: 44 },
  { title: 'for', cell: ({ lock }) => titled(lock), widest: 32 },
  { title: 'mode', cell: ({ waiter }) => waiter.mode ?? '', widest: 20, isSpare: true },
  {
    title: 'time',
    cell: ({ waiter }) => (waiter.waitedMs === null ? '' : durationInWords(waiter.waitedMs)),
    isRight: true,
  },
  {
    title: 'where',
    cell: ({ waiter }) => (waiter.isOutside ? 'its process' : 'server'),
    isSpare: true,
  },
  { title: 'behind', cell: ({ waiter }) => waiter.blockedBy.join(' '), widest: 24 },
]

const LOCK_ORDERS: readonly Order<ServerLock>[] = [
  ['urgency', byUrgency],
  ['lock', (a, b) => a.title.localeCompare(b.title)],
  ['holder', (a, b) => holderOf(a).localeCompare(holderOf(b))],
  ['held for', (a, b) => heldMs(b) - heldMs(a)],
  ['waiters', (a, b) => b.waiters.length - a.waiters.length],
]

const WAIT_ORDERS: readonly Order<Wait>[] = [
  ['time', (a, b) => (b.waiter.waitedMs ?? 0) - (a.waiter.waitedMs ?? 0)],
  ['lock', (a, b) => longestOf(b.lock) - longestOf(a.lock) || a.lock.title.localeCompare(b.lock.title)],
  ['waiter', (a, b) => sessionInWords(a.waiter.session).localeCompare(sessionInWords(b.waiter.session))],
]

const CHAIN_ORDERS: readonly Order<Chain>[] = [
  ['blocked', (a, b) => blockedCount(b) - blockedCount(a)],
  ['time', (a, b) => longestWaitMs(b) - longestWaitMs(a)],
  ['blocker', (a, b) => sessionInWords(a.session).localeCompare(sessionInWords(b.session))],
]

function isHeld({ holders }: ServerLock): boolean {
  return holders.length > 0
}

function holderOf({ holders }: ServerLock): string {
  return holders[0] === undefined ? '' : sessionInWords(holders[0].session)
}

/** How long it has been held at least; 0 if unknown. */
function heldMs({ holders }: ServerLock): number {
  return holders[0]?.atLeastMs ?? 0
}

function table<T extends { readonly id: string }>(
  state: TopState,
  items: readonly T[],
  orders: readonly Order<T>[],
  columns: readonly Column<T>[],
  width: number,
  more: (item: T) => Omit<Row, 'id' | 'text'>,
): Table {
  const { list, name } = inOrder(state, items, orders)
  const { head, body } = tableLines(columns, list, width)
  const rows = list.map((item, i) => ({ id: item.id, text: body[i]!, ...more(item) }))
  return { head, rows: filtered(state, rows, (row) => row.id), order: name }
}

function inOrder<T>(
  { sort, isReversed }: TopState,
  items: readonly T[],
  orders: readonly Order<T>[],
): { list: T[]; name: string } {
  const [name, compare] = orders[sort % orders.length]!
  const list = items.toSorted(compare)
  return isReversed ? { list: list.toReversed(), name: `${name}, reversed` } : { list, name }
}

/** Filters whole groups: a group stays if one of its rows matches. */
function filtered<R extends Row>({ filter }: TopState, rows: readonly R[], groupOf: (row: R) => string): R[] {
  if (filter === '') return [...rows]
  const wanted = filter.toLowerCase()
  const groups = new Set(rows.filter((row) => row.text.toLowerCase().includes(wanted)).map(groupOf))
  return rows.filter((row) => groups.has(groupOf(row)))
}

function branch(chain: Chain, indent: string, mark: string, id: string): Row[] {
  const { session, wait, blocked } = chain
  const how = wait === null ? rootInWords(chain) : waitInWords(wait)
  const row = {
    id,
    text: `${indent}${mark}${sessionInBrief(session)} ${how}`,
    session,
    lock: wait?.lock ?? null,
    isHot: wait === null,
  }
  const below = indent + (mark === '' ? '' : mark.startsWith('└') ? '   ' : '│  ')
  const rows = blocked.flatMap((each, i) =>
    branch(
      each,
      below,
      i === blocked.length - 1 ? '└─ ' : '├─ ',
      `${id} ${each.session.pid} ${lockId(each.wait!.lock)}`,
    ),
  )
  return [row, ...rows]
}
