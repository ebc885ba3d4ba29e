import { durationInWords } from '../../inspect/durations-in-words.js'
import { findingsOf, type Finding } from '../../inspect/findings.js'
import { kindInWords, lockId } from '../../inspect/server-lock.js'
import { processInWords, sessionInWords, stateInWords } from '../../inspect/session-in-words.js'
import type { LockSnapshot } from '../../inspect/snapshot.js'
import { durationText } from '../durations.js'
import { printable } from '../../base/printable.js'
import { clipped } from '../text-width.js'
import type { Channel } from '../terminal.js'
import { countsOf, tableOf, type Row, type Table } from './rows.js'
import { VIEWS, type TopState, type View } from './top-state.js'

export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

/** The input of a drawing. */
export interface Scene {
  readonly state: TopState
  /** Null until the first look. */
  readonly snapshot: LockSnapshot | null
  /** Why the last refresh failed, or the result of the last attempt to end a session. */
  readonly message: string | null
}

export interface Screen {
  readonly lines: readonly string[]
  /** The rows that keys move through, in order. */
  readonly rows: readonly Row[]
  readonly page: number
  /** The lock that the finding above the table is about, by its id. */
  readonly found: string | null
}

/** The whole screen, as lines that fit. Pure, so that tests can check what users see. */
export function drawScreen(scene: Scene, size: ScreenSize, channel: Channel): Screen {
  const { state, snapshot, message } = scene
  const clip = (line: string): string => clipped(printable(line), size.columns)
  if (snapshot === null) return { lines: [clip(message ?? 'looking ...')], rows: [], page: 1, found: null }
  const table = tableOf(state, snapshot, size.columns)
  const findings = findingsOf(snapshot)
  const header = headerLines(scene, snapshot, table, findings, channel, clip, size.columns)
  const selected = table.rows.find(({ id }) => id === state.selected) ?? null
  const details = state.isVerbose && selected !== null ? detailLines(selected).map(clip) : []
  const footer = [footerLine(state, selected, channel, clip)]
  const page = Math.max(1, size.rows - header.length - details.length - footer.length)
  const body = state.mode === 'help' ? HELP.map(clip) : bodyLines(table.rows, state, page, channel)
  const filled = [...body, ...Array.from({ length: page }, () => '')].slice(0, page)
  const lines = [...header, ...filled, ...details, ...footer].slice(0, size.rows)
  const about = findings[0]?.lock ?? null
  return { lines, rows: table.rows, page, found: about && lockId(about) }
}

const BAR = 12

function headerLines(
  { state, message }: Scene,
  snapshot: LockSnapshot,
  table: Table,
  [worst, ...more]: readonly Finding[],
  { paint }: Channel,
  clip: (line: string) => string,
  columns: number,
): string[] {
  const { server } = snapshot
  const { used, capacity } = server.lockTable
  const { used: open, max } = server.connections
  const counts = countsOf(snapshot)
  const time = server.at.toTimeString().slice(0, 8)
  const rhythm = state.isPaused ? 'paused' : `every ${durationText(state.intervalMs)}`
  const filter = state.filter === '' ? '' : `   only with "${printable(state.filter)}"`
  return [
    paint(
      'bold',
      clip(
        `lockpool top   ${server.database}, ${server.product} ${server.version}${server.isStandby ? ', a standby' : ''}   ${time}   ${rhythm}`,
      ),
    ),
    clip(
      `${capacity === Infinity ? `locks ${used}` : `lock table ${gauge(used, capacity)} ${used} of ${capacity}`}   connections ${gauge(open, max)} ${open} of ${max}`,
    ),
    message !== null
      ? paint('red', clip(message))
      : worst === undefined
        ? paint('green', clip('no findings'))
        : paint(
            worst.severity === 'problem' ? 'red' : 'yellow',
            clip(`${worst.text}${more.length > 0 ? ` (and ${more.length} more)` : ''}`),
          ),
    tabsLine(state.view, counts, `   by ${table.order}${filter}`, paint, columns),
    paint('bold', clip(table.head)),
  ]
}

/** The views with their counts, or without counts if there is no room. The rest is cut. */
function tabsLine(
  view: View,
  counts: Readonly<Record<View, number>>,
  rest: string,
  paint: Channel['paint'],
  columns: number,
): string {
  const forms = [
    VIEWS.map((each, i) => ` ${i + 1} ${each} ${counts[each]} `),
    VIEWS.map((each, i) => ` ${i + 1} ${each} `),
    VIEWS.map((_, i) => ` ${i + 1} `),
  ]
  const tabs = forms.find((form) => form.join('').length <= columns) ?? []
  const painted = tabs.map((tab, i) => (VIEWS[i] === view ? paint('inverse', tab) : tab))
  return painted.join('') + clipped(rest, columns - tabs.join('').length)
}

function gauge(used: number, of: number): string {
  const full = Math.min(BAR, Math.ceil((used / of) * BAR))
  return '█'.repeat(full) + '░'.repeat(BAR - full)
}

function bodyLines(rows: readonly Row[], { selected }: TopState, page: number, { paint }: Channel): string[] {
  if (rows.length === 0) return ['nothing']
  const at = rows.findIndex(({ id }) => id === selected)
  const from = Math.max(0, at - page + 1)
  return rows.slice(from, from + page).map(({ id, text, isHot }) => {
    if (id === selected) return paint('inverse', text)
    return isHot ? paint('yellow', text) : text
  })
}

function detailLines({ session, lock }: Row): string[] {
  const lines: string[] = []
  if (lock !== null) {
    const waiters = lock.waiters.slice(0, 3).map((waiter) => sessionInWords(waiter.session))
    const more = lock.waiters.length > 3 ? ` and ${lock.waiters.length - 3} more` : ''
    lines.push(
      `${kindInWords(lock)} ${lock.id}${waiters.length > 0 ? `, waited for by ${waiters.join(', ')}${more}` : ''}`,
    )
  }
  if (session !== null) {
    const { user, sessionMs, query, isLockSession } = session
    const state = stateInWords(session) ?? 'state not visible to this role'
    const age = sessionMs === null ? '' : `, there for ${durationInWords(sessionMs)}`
    const process = processInWords(session)
    lines.push(
      `${sessionInWords(session)}${process === null ? '' : `, ${process}`}, user ${user ?? 'unknown'}, ${state}${age}`,
    )
    if (!isLockSession)
      lines.push(session.state === null ? 'its statement is not visible to this role' : (query ?? ''))
  }
  return lines
}

function footerLine(
  state: TopState,
  selected: Row | null,
  { paint }: Channel,
  clip: (line: string) => string,
): string {
  if (state.mode === 'filter') return clip(`/${state.filter}█   enter: keep it, escape: all`)
  if (state.mode === 'confirm' && selected !== null && selected.session !== null)
    return paint(
      'red',
      clip(`End ${sessionInWords(selected.session)}, and lose all its locks? y: yes, any other key: no`),
    )
  return paint('dim', clip(FOOTER))
}

/** The most important keys come first: a narrow screen cuts the rest. */
const FOOTER =
  'h help  q quit  1 2 3 views  arrows select  v details  K end session  f finding  / filter  s sort  space pause'

const HELP: readonly string[] = [
  '1 F1     what is held            2 F2    who waits            3 F3    who blocks whom',
  's S      sort by another column, reverse the order',
  '/        filter by a text; escape clears the filter',
  'space    pause, continue',
  '+ -      refresh less often, more often',
  'R        refresh now',
  'up down  select a row (also j and k, page up and down, home and end)',
  'v        details of the selected row',
  'f        select the lock of the finding above the table',
  'K        end the session of the selected row, after confirmation',
  'q        quit',
  '',
  'any key goes back',
]
