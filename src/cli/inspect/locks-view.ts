import { durationInWords } from '../../inspect/durations-in-words.js'
import { kindInWords, titled, type ServerLock } from '../../inspect/server-lock.js'
import { heldInWords, sessionInBrief } from '../../inspect/session-in-words.js'
import type { LockSnapshot } from '../../inspect/snapshot.js'
import type { Channel } from '../terminal.js'
import { tableLines, type Column } from './columns.js'

/** One line per lock: what `ls` and the first view of `top` show. */
export const LOCK_COLUMNS: readonly Column<ServerLock>[] = [
  { title: 'lock', cell: titled, widest: 40 },
  { title: 'kind', cell: kindInWords, isExtra: true },
  { title: 'held by (pid, client)', cell: heldBy, widest: 44 },
  { title: 'mode', cell: modeOf, widest: 24, isExtra: true },
  { title: 'for', cell: heldFor, isSpare: true },
  { title: 'label', cell: labelOf, widest: 32, isExtra: true, isOptional: true },
  {
    title: 'waiting',
    cell: ({ waiters }) => (waiters.length === 0 ? '' : String(waiters.length)),
    isRight: true,
  },
  { title: 'longest', cell: longestWait, isRight: true },
]

/** Locks with waiters come first, the longest wait at the top. */
export function byUrgency(a: ServerLock, b: ServerLock): number {
  return (
    longestWaitMs(b) - longestWaitMs(a) ||
    b.waiters.length - a.waiters.length ||
    a.kind.localeCompare(b.kind) ||
    a.title.localeCompare(b.title)
  )
}

export function longestWaitMs({ waiters }: ServerLock): number {
  return waiters.reduce((longest, { waitedMs }) => Math.max(longest, waitedMs ?? 0), 0)
}

/** The table of locks, with the number of omitted ones below it. */
export function lockLines(
  locks: readonly ServerLock[],
  limit: number,
  channel: Channel,
  width: number,
): string[] {
  if (locks.length === 0) return ['no locks']
  const shown = locks.slice(0, limit)
  const { head, body } = tableLines(LOCK_COLUMNS, shown, width)
  const lines = body.map((line, i) => (shown[i]!.waiters.length > 0 ? channel.paint('yellow', line) : line))
  const left = locks.length - shown.length
  const more = left === 0 ? [] : [channel.paint('dim', `and ${left} more; --limit shows them`)]
  return [channel.paint('bold', head), ...lines, ...more]
}

/** Tells users that keys without names could have names. */
export function nameHint(server: LockSnapshot['server'], locks: readonly ServerLock[]): string | null {
  const nameless = locks.filter(({ kind, name }) => kind === 'advisory' && name === null).length
  if (nameless === 0) return null
  const keys = nameless === 1 ? 'one key has' : `${nameless} keys have`
  return server.hasKeyNames
    ? `${keys} no name here: acquired moments ago, by another program, or by a pool with keyNames: 'off'. "lockpool who NAME" finds the key of a name.`
    : `${keys} no name here: there is no table in which pools write them, or this role may not read it. "lockpool install --role ROLE" fixes both; "lockpool who NAME" finds the key of a name.`
}

/** If ages are missing, users should know how to get them. */
export function ageHint(
  { hasReports, isStandby }: LockSnapshot['server'],
  locks: readonly ServerLock[],
): string | null {
  if (hasReports !== false || isStandby) return null
  const isMissing = locks.some(({ holders }) =>
    holders.some((holder) => holder.session.isLockSession && heldInWords(holder) === null),
  )
  return isMissing
    ? 'The ages of locks of pools, their labels, and callers that wait for another one of their own process are not known here: there is no table in which pools write them, or this role may not read it. "lockpool install --role ROLE" fixes both.'
    : null
}

function heldBy({ holders, permits }: ServerLock): string {
  const [first] = holders
  if (first === undefined) return '-'
  const of = permits === null ? '' : `${holders.length} of ${permits}: `
  // One session may have several permits of a semaphore.
  const sessions = new Set(holders.map(({ session }) => session.pid)).size
  const more = sessions === 1 ? '' : ` and ${sessions - 1} more`
  return of + sessionInBrief(first.session) + more
}

function modeOf({ holders }: ServerLock): string {
  return [...new Set(holders.map(({ mode }) => mode))].join(', ')
}

function heldFor({ holders }: ServerLock): string {
  return holders[0] === undefined ? '' : (heldInWords(holders[0]) ?? '')
}

function labelOf({ holders }: ServerLock): string {
  return holders.find(({ label }) => Boolean(label))?.label ?? ''
}

function longestWait(lock: ServerLock): string {
  const longest = longestWaitMs(lock)
  return longest === 0 ? '' : durationInWords(longest)
}
