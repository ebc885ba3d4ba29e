import { durationInWords } from '../../inspect/durations-in-words.js'
import {
  kindInWords,
  titled,
  type LockHolder,
  type LockWaiter,
  type ServerLock,
} from '../../inspect/server-lock.js'
import { heldInWords, processInWords, sessionInWords, stateInWords } from '../../inspect/session-in-words.js'
import type { Channel } from '../terminal.js'
import { printable } from '../../base/printable.js'

/** The details of one lock, for people. `others` returns how many other locks a session holds. */
export function whoLines(
  lock: ServerLock,
  others: (pid: number) => number,
  channel: Channel,
  hasReports = true,
): string[] {
  const { kind, id, holders, waiters, permits } = lock
  const title = printable(titled(lock))
  const key = kind === 'advisory' && lock.name !== null ? `, key ${id}` : ''
  const of = permits === null ? '' : `, ${permits} permits`
  return [
    `${channel.paint('bold', title)}  (${kindInWords(lock)}${key}${of})`,
    holders.length === 0 ? 'not held' : 'held by',
    ...holders.flatMap((holder) => holderLines(holder, others(holder.session.pid), channel)),
    ...(waiters.length === 0 ? ['no waiters'] : ['waiting', ...waiters.map(waiterLine)]),
    ...(hasReports || !holders.some(({ session }) => session.isLockSession)
      ? []
      : [channel.paint('dim', HIDDEN)]),
  ]
}

/** A client of `lockpool serve` that waits for another one, for example: the server sees only their front. */
const HIDDEN =
  'callers that wait for another one of the same process do not show here: there is no table in which pools write them, or this role may not read it ("lockpool install --role ROLE" fixes both)'

/** A holder, its activity, and how many other locks its session has. */
export function holderLines(holder: LockHolder, others: number, channel: Channel): string[] {
  const { session, mode, permit, label } = holder
  const which = permit === null ? mode : `permit ${permit}`
  const age = heldInWords(holder)
  const held =
    age === null ? 'age unknown' : `for ${age.replace('>= ', 'at least ').replace('<= ', 'at most ')}`
  const isHidden = session.user !== null && session.state === null
  const details = [
    label ? `label: ${label}` : null,
    processInWords(session),
    session.user === null ? null : `user ${session.user}`,
    isHidden ? 'only members of pg_read_all_stats see what it does' : stateInWords(session),
    others === 0 ? null : `holds ${others} other ${others === 1 ? 'lock' : 'locks'}`,
  ].filter((each) => each !== null)
  const lines = [`  ${printable(sessionInWords(session))}, ${which}, ${held}`]
  if (details.length > 0) lines.push(channel.paint('dim', printable(`    ${details.join('; ')}`)))
  if (!isHidden && session.query !== null && !session.isLockSession && session.query !== '')
    lines.push(channel.paint('dim', printable(`    ${shorten(session.query)}`)))
  return lines
}

function waiterLine(
  { session, mode, waitedMs, label, callers = 1, isOutside }: LockWaiter,
  at: number,
): string {
  const who = printable(sessionInWords(session))
  const how = mode === null ? '' : `, ${mode}`
  const what = label ? printable(`; label: ${label}`) : ''
  const long = waitedMs === null ? null : `for ${durationInWords(waitedMs)}`
  if (!isOutside) return `  ${at + 1}  ${who}${how}, ${long ?? 'for a moment'}${what}`
  const more = callers === 1 ? '' : `; and ${callers - 1} more ${callers === 2 ? 'caller' : 'callers'} there`
  return `  -  ${who}${how}, waits in its process${long === null ? '' : ` ${long}`}${what}${more}`
}

function shorten(text: string): string {
  return text.length <= 160 ? text : `${text.slice(0, 159)}…`
}
