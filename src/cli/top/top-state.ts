/** The view on the screen. */
export const VIEWS = ['held', 'waiting', 'blocking'] as const

export type View = (typeof VIEWS)[number]

/**
 * - `list`     the user moves through the table
 * - `filter`   the user types a text
 * - `help`     the list of keys
 * - `confirm`  a question whether to end a session
 */
export type Mode = 'list' | 'filter' | 'help' | 'confirm'

export interface TopState {
  readonly view: View
  readonly mode: Mode
  /** The index in the list of orders of the view. */
  readonly sort: number
  readonly isReversed: boolean
  readonly filter: string
  readonly isPaused: boolean
  /** The id of the selected row, so that it stays selected when it moves. */
  readonly selected: string | null
  /** Whether all details of the selected row are shown. */
  readonly isVerbose: boolean
  readonly intervalMs: number
}

/** What to do, besides drawing. */
export type Effect = 'nothing' | 'quit' | 'suspend' | 'refresh' | 'terminate'

export interface Step {
  readonly state: TopState
  readonly effect: Effect
}

const INTERVALS_MS = [500, 1000, 2000, 5000, 10_000, 30_000, 60_000]

export function startState(intervalMs: number): TopState {
  return {
    view: 'held',
    mode: 'list',
    sort: 0,
    isReversed: false,
    filter: '',
    isPaused: false,
    selected: null,
    isVerbose: false,
    intervalMs,
  }
}

/** The screen when a key is pressed. */
export interface Shown {
  /** The ids of the rows, in order. */
  readonly rows: readonly string[]
  /** How many of them fit. */
  readonly page: number
  /** The lock that the finding above the table is about, as a row of the first view. */
  readonly found: string | null
}

/** The effect of a key. */
export function press(state: TopState, key: string, shown: Shown): Step {
  if (key === 'interrupt') return { state, effect: 'quit' }
  if (key === 'suspend') return { state, effect: 'suspend' }
  switch (state.mode) {
    case 'list':
      return inList(state, key, shown)
    case 'filter':
      return { state: inFilter(state, key), effect: 'nothing' }
    case 'help':
      return { state: { ...state, mode: 'list' }, effect: 'nothing' }
    case 'confirm':
      return { state: { ...state, mode: 'list' }, effect: key === 'y' ? 'terminate' : 'nothing' }
  }
}

function inList(state: TopState, key: string, { rows, page, found }: Shown): Step {
  if (key === 'q') return { state, effect: 'quit' }
  if (key === 'R' || key === 'redraw') return { state, effect: 'refresh' }
  // After a pause, a user wants to see the current state.
  if (key === ' ')
    return { state: { ...state, isPaused: !state.isPaused }, effect: state.isPaused ? 'refresh' : 'nothing' }
  const isOnRow = state.selected !== null && rows.includes(state.selected)
  if (key === 'K') return { state: isOnRow ? { ...state, mode: 'confirm' } : state, effect: 'nothing' }
  if (key === 'f' && found !== null)
    return {
      state: { ...state, ...look('held'), filter: '', selected: found, isVerbose: true },
      effect: 'nothing',
    }
  const change = CHANGES[key]
  if (change !== undefined) return { state: { ...state, ...change(state) }, effect: 'nothing' }
  const move = MOVES[key]
  return {
    state: move === undefined ? state : { ...state, selected: moved(state, rows, move(page)) },
    effect: 'nothing',
  }
}

type Change = (state: TopState) => Partial<TopState>

const CHANGES: Readonly<Record<string, Change>> = {
  '1': () => look('held'),
  F1: () => look('held'),
  '2': () => look('waiting'),
  F2: () => look('waiting'),
  '3': () => look('blocking'),
  F3: () => look('blocking'),
  s: ({ sort }) => ({ sort: sort + 1 }),
  S: ({ isReversed }) => ({ isReversed: !isReversed }),
  v: ({ isVerbose }) => ({ isVerbose: !isVerbose }),
  '/': () => ({ mode: 'filter', filter: '' }),
  h: () => ({ mode: 'help' }),
  '?': () => ({ mode: 'help' }),
  escape: () => ({ filter: '', selected: null, isVerbose: false }),
  '+': ({ intervalMs }) => ({ intervalMs: INTERVALS_MS.find((each) => each > intervalMs) ?? intervalMs }),
  '-': ({ intervalMs }) => ({ intervalMs: INTERVALS_MS.findLast((each) => each < intervalMs) ?? intervalMs }),
}

function look(view: View): Partial<TopState> {
  return { view, sort: 0, isReversed: false, selected: null }
}

/** How many rows each key moves the selection. */
const MOVES: Readonly<Record<string, (page: number) => number>> = {
  up: () => -1,
  k: () => -1,
  down: () => 1,
  j: () => 1,
  'page up': (page) => -page,
  'page down': (page) => page,
  home: () => -Infinity,
  end: () => Infinity,
}

/** The first move selects the first row, or the last. */
function moved({ selected }: TopState, rows: readonly string[], by: number): string | null {
  if (rows.length === 0) return null
  const at = selected === null ? -1 : rows.indexOf(selected)
  if (at < 0) return by > 1e9 ? rows.at(-1)! : rows[0]!
  return rows[Math.min(Math.max(at + by, 0), rows.length - 1)]!
}

function inFilter(state: TopState, key: string): TopState {
  if (key === 'enter') return { ...state, mode: 'list' }
  if (key === 'escape') return { ...state, mode: 'list', filter: '' }
  if (key === 'backspace') return { ...state, filter: Array.from(state.filter).slice(0, -1).join('') }
  return Array.from(key).length === 1 ? { ...state, filter: state.filter + key } : state
}
