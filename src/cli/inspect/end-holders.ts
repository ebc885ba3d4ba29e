import { sqlState } from '../../dialect/postgres/connection/server-errors.js'
import { STANDBY } from '../../inspect/findings.js'
import { titled, waitersOf, type LockHolder, type ServerLock } from '../../inspect/server-lock.js'
import { sessionInWords } from '../../inspect/session-in-words.js'
import type { LockSnapshot } from '../../inspect/snapshot.js'
import { EXIT } from '../exit-codes.js'
import type { Terminal } from '../terminal.js'
import { jsonLine, printable } from '../../base/printable.js'
import type { WantedLocks } from './key-argument.js'
import { askHolders } from './ask-holders.js'
import type { BreakOrder } from './break-order.js'
import type { Inspector } from './inspector.js'
import { holderLines } from './who-view.js'

/** The exit code if the lock was free, or the user said no. */
export const NOTHING_ENDED = 1

/** The result for one session. */
interface Ended {
  readonly pid: number
  /** Whether it was gone within 5 seconds, or before. */
  readonly isGone: boolean
  /** Other locks that were lost with it. */
  readonly otherLocks: readonly string[]
}

export async function endHolders(
  inspector: Inspector,
  order: BreakOrder,
  terminal: Terminal,
): Promise<number> {
  const { wanted, isSure, isJson } = order
  const before = await inspector.look({ names: wanted.names })
  const holders = holdersOf(before, order)
  const { out, err } = terminal
  if (holders.length === 0) {
    if (isJson) out.write(`${jsonLine({ version: 1, ended: [], holders: [] })}\n`)
    else {
      const lines = [
        nothingHeld(order),
        ...elsewhereOf(before, wanted),
        ...(before.server.isStandby ? [`${STANDBY}; ask the primary`] : []),
      ]
      err.write(lines.map((line) => `lockpool: ${printable(line)}\n`).join(''))
    }
    if (before.server.isStandby) return EXIT.unavailable
    return NOTHING_ENDED
  }
  if (holders.some(({ session }) => session.pid === 0)) {
    err.write(
      'lockpool: a prepared transaction holds it, which has no session to end: see pg_prepared_xacts\n',
    )
    return EXIT.unavailable
  }
  if (!isJson) out.write(`${hitLines(wanted, holders, before, terminal).join('\n')}\n`)
  if (order.ask !== null) {
    const status = await askHolders(inspector, order, order.ask, before, terminal)
    if (status !== 'force') return status
    return carryOut(inspector, order, await stillHolding(inspector, order, holders), before, terminal)
  }
  const question =
    holders.length === 1 ? 'End this session? [y/N] ' : `End these ${holders.length} sessions? [y/N] `
  if (!isSure && !/^y(es)?$/i.test(await terminal.ask(question))) {
    err.write('lockpool: nothing was ended\n')
    return NOTHING_ENDED
  }
  // The answer may have taken a minute. A new holder, which was not shown, must not be ended.
  const after = isSure ? holders : await stillHolding(inspector, order, holders)
  if (after.length > 0) return carryOut(inspector, order, after, before, terminal)
  err.write(`lockpool: nothing was ended: the holder of ${wanted.title} has changed meanwhile\n`)
  return NOTHING_ENDED
}

function nothingHeld({ wanted, pid }: BreakOrder): string {
  if (wanted.isSession === true) return `${wanted.title} holds no lock that is shown here`
  return pid === null ? `${wanted.title} is not held` : `${wanted.title} is not held by session ${pid}`
}

/** Hints about similar locks. None if the lock is held, but by another session than the given one. */
function elsewhereOf({ locks }: LockSnapshot, { isOne, elsewhere }: WantedLocks): readonly string[] {
  return locks.some(isOne) ? [] : elsewhere(locks)
}

async function stillHolding(
  inspector: Inspector,
  order: BreakOrder,
  holders: readonly LockHolder[],
): Promise<LockHolder[]> {
  const now = holdersOf(await inspector.look({ names: order.wanted.names }), order)
  return holders.filter(({ session: { pid, startedAt } }) =>
    now.some(({ session }) => session.pid === pid && session.startedAt === startedAt),
  )
}

async function carryOut(
  inspector: Inspector,
  order: BreakOrder,
  holders: readonly LockHolder[],
  before: LockSnapshot,
  terminal: Terminal,
): Promise<number> {
  const ended: Ended[] = []
  for (const { session } of holders) {
    try {
      const isGone = (await inspector.end(session)) !== 'there'
      const otherLocks = otherLocksOf(session.pid, order.wanted, before).map(titled)
      ended.push({ pid: session.pid, isGone, otherLocks })
    } catch (error) {
      if (sqlState(error) !== '42501') throw error
      terminal.err.write(
        `lockpool: this role may not end ${printable(sessionInWords(session))}: use a superuser, the same role, or a member of pg_signal_backend\n`,
      )
      return EXIT.unavailable
    }
  }
  const after = holdersOf(await inspector.look({ names: order.wanted.names }), { ...order, pid: null })
  if (order.isJson) {
    const now = after.map(({ session: { pid }, mode, permit }) => ({ pid, mode, permit }))
    terminal.out.write(`${jsonLine({ version: 1, ended, holders: now })}\n`)
  } else terminal.out.write(`${outcomeLines(order.wanted, ended, after).join('\n')}\n`)
  return ended.every(({ isGone }) => isGone) ? EXIT.ok : EXIT.unavailable
}

/** Each session once, also if it has several permits. */
export function holdersOf({ locks }: LockSnapshot, { wanted, pid }: BreakOrder): LockHolder[] {
  const bySession = new Map<number, LockHolder>()
  for (const { holders } of locks.filter(wanted.isOne))
    for (const holder of holders)
      if (pid === null || pid === holder.session.pid) bySession.set(holder.session.pid, holder)
  return [...bySession.values()]
}

/** More than these are only counted. */
const MOST_NAMED = 8

function hitLines(
  wanted: WantedLocks,
  holders: readonly LockHolder[],
  snapshot: LockSnapshot,
  { out }: Terminal,
): string[] {
  const waiting = waitersOf(snapshot.locks.filter(wanted.isOne))
  const isSession = wanted.isSession === true
  return [
    isSession ? 'this session would end' : `${out.paint('bold', printable(wanted.title))} is held by`,
    ...holders.flatMap((holder) => {
      const others = otherLocksOf(holder.session.pid, wanted, snapshot)
      const lines = holderLines(holder, isSession ? 0 : others.length, out)
      if (others.length === 0) return lines
      const left = others.length - MOST_NAMED
      const named = others.slice(0, MOST_NAMED).map(titled).join(', ')
      const lost = `    ${isSession ? 'loses' : 'also loses'}: ${named}${left > 0 ? ` and ${left} more` : ''}`
      return [...lines, out.paint('yellow', printable(lost))]
    }),
    ...(waiting === 0 ? [] : [waiting === 1 ? 'one waiter' : `${waiting} waiters`]),
  ]
}

/** What the session holds besides the lock that it must give up. If the session itself is the target, everything. */
function otherLocksOf(pid: number, wanted: WantedLocks, { locks }: LockSnapshot): ServerLock[] {
  return locks.filter(
    (lock) =>
      (wanted.isSession === true || !wanted.isOne(lock)) &&
      lock.holders.some(({ session }) => session.pid === pid),
  )
}

function outcomeLines(
  { title, isSession }: WantedLocks,
  ended: readonly Ended[],
  after: readonly LockHolder[],
): string[] {
  const fates = ended.map(({ pid, isGone }) =>
    isGone ? `session ${pid} has ended` : `session ${pid} was asked to end, and is still there after 5 s`,
  )
  const now =
    after.length === 0
      ? `${title} is free now`
      : `${title} is now held by ${after.map(({ session }) => sessionInWords(session)).join(' and ')}`
  return [...fates, ...(isSession === true ? [] : [now])].map(printable)
}
