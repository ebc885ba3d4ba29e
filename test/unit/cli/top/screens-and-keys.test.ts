import { expect, test } from 'vitest'
import { keysIn } from '../../../../src/cli/top/keys.js'
import { drawScreen, type Screen } from '../../../../src/cli/top/screen.js'
import {
  press,
  startState,
  type Effect,
  type Shown,
  type TopState,
} from '../../../../src/cli/top/top-state.js'
import type { Channel } from '../../../../src/cli/terminal.js'
import { textWidth } from '../../../../src/cli/text-width.js'
import { snapshotOf, type LockSnapshot } from '../../../../src/inspect/snapshot.js'
import { held, key, serverSession, serverState, wanted } from '../../../support/server-state.js'

const marked: Channel = {
  isTerminal: true,
  write: () => undefined,
  paint: (how, text) => (how === 'inverse' ? `[${text}]` : text),
}

const ROWS = ['a', 'b', 'c', 'd']

function shown(rows: readonly string[], found: string | null = null): Shown {
  return { rows, page: 3, found }
}

/** The state after these keys, and the last effect. */
function after(keys: readonly string[], from: TopState = startState(2000)): TopState & { effect: Effect } {
  let step: { state: TopState; effect: Effect } = { state: from, effect: 'nothing' }
  for (const each of keys) step = press(step.state, each, shown(ROWS))
  return { ...step.state, effect: step.effect }
}

function snapshot(): LockSnapshot {
  return snapshotOf(
    serverState({
      sessions: [
        serverSession(1, {
          application: 'billing',
          state: 'idle in transaction',
          stateMs: 8000,
          sessionMs: 90_000,
        }),
        serverSession(2, { application: 'report', query: 'UPDATE orders' }),
        serverSession(3, { application: 'worker' }),
      ],
      locks: [held(key(42), 1), held(key(7), 3), wanted(key(42), 2, 6000), wanted(key(42), 3, 1000)],
      blockers: new Map([
        [2, [1]],
        [3, [1, 2]],
      ]),
    }),
  )
}

function draw(state: TopState, columns = 100, rows = 14): Screen {
  return drawScreen({ state, snapshot: snapshot(), message: null }, { columns, rows }, marked)
}

test('keys are recognized in any chunk of terminal input', () => {
  expect(keysIn('q')).toEqual(['q'])
  expect(keysIn('\u001b[A\u001b[B\u001bOP\u001b[12~')).toEqual(['up', 'down', 'F1', 'F2'])
  expect(keysIn('\u001b[[C')).toEqual(['F3'])
  expect(keysIn('j\u001b[6~k\r\u007f')).toEqual(['j', 'page down', 'k', 'enter', 'backspace'])
  expect(keysIn('\u001b')).toEqual(['escape'])
  expect(keysIn('\u0003')).toEqual(['interrupt'])
  expect(keysIn('é日')).toEqual(['é', '日'])
  expect(keysIn('\u001b[1;5C\u0001')).toEqual([])
})

test('views, sorting and rhythm', () => {
  expect(after(['2'])).toMatchObject({ view: 'waiting' })
  expect(after(['F3'])).toMatchObject({ view: 'blocking' })
  expect(after(['s', 's', 'S'])).toMatchObject({ sort: 2, isReversed: true })
  expect(after(['s', 'S', '2'])).toMatchObject({ sort: 0, isReversed: false })
  expect(after(['+']).intervalMs).toBe(5000)
  expect(after(['-', '-', '-', '-']).intervalMs).toBe(500)
})

test('the mark moves with the keys, stops at both ends, and stays on its row when rows move', () => {
  expect(after(['down']).selected).toBe('a')
  expect(after(['down', 'down', 'j']).selected).toBe('c')
  expect(after(['end', 'down']).selected).toBe('d')
  expect(after(['end', 'page up', 'k', 'up']).selected).toBe('a')
  expect(press(after(['down', 'down']), 'up', shown(['b', 'x', 'a'])).state.selected).toBe('b')
  expect(press(after(['end']), 'down', shown(['x', 'y'])).state.selected, 'its row is gone').toBe('x')
  expect(press(after(['end']), 'down', shown([])).state.selected).toBeNull()
})

test('a filter is typed, kept, and taken back', () => {
  expect(after(['/', 'q', '1', 'backspace', 'K'])).toMatchObject({
    mode: 'filter',
    filter: 'qK',
    view: 'held',
  })
  expect(after(['/', 'a', 'enter'])).toMatchObject({ mode: 'list', filter: 'a' })
  expect(after(['/', 'a', 'enter', 'escape']).filter).toBe('')
  expect(after(['/', 'a', 'escape'])).toMatchObject({ mode: 'list', filter: '' })
})

test('a session is ended only for a marked row, and only by y', () => {
  expect(after(['K']).mode).toBe('list')
  expect(after(['down', 'K'])).toMatchObject({ mode: 'confirm', effect: 'nothing' })
  expect(after(['down', 'K', 'y'])).toMatchObject({ mode: 'list', effect: 'terminate' })
  for (const no of ['n', 'enter', 'Y', 'q', 'escape'])
    expect(after(['down', 'K', no])).toMatchObject({ mode: 'list', effect: 'nothing' })
})

test('a key leads from a finding to its lock', () => {
  const { found } = draw(startState(2000))
  expect(found).toBe('advisory 42')
  const away = after(['2', '/', 'w', 'enter', 'down'])
  const { state } = press(away, 'f', shown(ROWS, found))
  expect(state).toMatchObject({ view: 'held', filter: '', selected: 'advisory 42', isVerbose: true })
  expect(draw(state).lines.filter((line) => line.startsWith('['))).toEqual([
    expect.stringMatching(/held/),
    expect.stringMatching(/^\[42 +advisory/),
  ])
  expect(press(away, 'f', shown(ROWS)).state, 'nothing is worth a look').toEqual(
    press(away, 'x', shown(ROWS)).state,
  )
})

test('keys that quit, and keys that refresh', () => {
  expect(after(['q']).effect).toBe('quit')
  for (const mode of [['/'], ['h'], ['down', 'K']]) expect(after([...mode, 'interrupt']).effect).toBe('quit')
  expect(after([' '])).toMatchObject({ isPaused: true, effect: 'nothing' })
  expect(after([' ', ' '])).toMatchObject({ isPaused: false, effect: 'refresh' })
  expect(after(['h', 'q'])).toMatchObject({ mode: 'list', effect: 'nothing' })
})

test('the screen of held locks', () => {
  const { lines, rows } = draw(startState(2000))

  expect(lines).toHaveLength(14)
  expect(lines[0]).toMatch(/^lockpool top {3}app, PostgreSQL 18\.1 {3}\d\d:\d\d:\d\d {3}every 2s$/)
  expect(lines[1]).toBe('lock table █░░░░░░░░░░░ 10 of 1000   connections █░░░░░░░░░░░ 3 of 100')
  expect(lines[2]).toMatch(/^billing \(pid 1\) blocks 2 others, the longest for 6\.0 s, with 42/)
  expect(lines[3]).toBe('[ 1 held 2 ] 2 waiting 2  3 blocking 1    by urgency')
  expect(lines[5]).toMatch(/^42 +advisory +billing \(1\)/)
  expect(rows.map(({ id }) => id)).toEqual(['advisory 42', 'advisory 7'])
})

test('the screens of waiters and of blockers', () => {
  const waiting = draw({ ...startState(2000), view: 'waiting' })
  expect(waiting.lines.slice(5, 7).map((line) => line.split(/ {2,}/))).toEqual([
    ['report (2)', '42', 'exclusive', '6.0 s', 'server', '1'],
    ['worker (3)', '42', 'exclusive', '1.0 s', 'server', '1 2'],
  ])
  const blocking = draw({ ...startState(2000), view: 'blocking' })
  expect(blocking.lines.slice(5, 8)).toEqual([
    'billing (1) blocks 2, idle in transaction for 8.0 s',
    '├─ report (2) waits for 42 (exclusive, 6.0 s)',
    '└─ worker (3) waits for 42 (exclusive, 1.0 s)',
  ])
})

test('a filter keeps the rows that contain it, and whole trees', () => {
  expect(draw({ ...startState(2000), filter: 'WORKER' }).rows.map(({ id }) => id)).toEqual(['advisory 7'])
  expect(draw({ ...startState(2000), view: 'blocking', filter: 'worker' }).rows).toHaveLength(3)
  const none = draw({ ...startState(2000), filter: 'nobody' })
  expect(none.lines[5]).toBe('nothing')
  expect(none.lines[3]).toContain('only with "nobody"')
})

test('sorting by each order, and the other way round', () => {
  const order = (sort: number, isReversed = false): string[] =>
    draw({ ...startState(2000), sort, isReversed }).rows.map(({ id }) => id)
  expect(order(0)).toEqual(['advisory 42', 'advisory 7'])
  expect(order(0, true)).toEqual(['advisory 7', 'advisory 42'])
  expect(order(3), 'held for').toEqual(['advisory 42', 'advisory 7'])
  expect(order(5), 'around').toEqual(order(0))
})

test('the marked row is marked, scrolled to, and explained', () => {
  const state = { ...startState(2000), selected: 'advisory 7', isVerbose: true }
  const { lines } = draw(state, 100, 10)
  expect(lines.filter((line) => line.startsWith('['))).toEqual([
    expect.stringMatching(/held/),
    expect.stringMatching(/^\[7 +advisory/),
  ])
  expect(lines.at(-4)).toBe('advisory 7')
  expect(lines.at(-2)).toBe('SELECT 1')
  expect(draw({ ...state, mode: 'confirm' }, 120).lines.at(-1)).toMatch(
    /^End worker \(pid 3\), and lose all its locks\?/,
  )
})

test.each([
  [100, 30],
  [40, 8],
  [20, 3],
  [1, 1],
])('no picture is larger than a screen of %i by %i', (columns, rows) => {
  for (const view of ['held', 'waiting', 'blocking'] as const)
    for (const mode of ['list', 'help', 'filter', 'confirm'] as const) {
      const { lines } = draw(
        { ...startState(2000), view, mode, isVerbose: true, selected: 'advisory 42' },
        columns,
        rows,
      )
      expect(lines.length).toBeLessThanOrEqual(rows)
    }
})

test('before the first refresh, and after a failed one', () => {
  const size = { columns: 60, rows: 10 }
  const early = drawScreen({ state: startState(1), snapshot: null, message: null }, size, marked)
  expect(early.lines).toEqual(['looking ...'])
  const failed = drawScreen(
    { state: startState(1), snapshot: snapshot(), message: 'no answer' },
    size,
    marked,
  )
  expect(failed.lines[2]).toBe('no answer')
})

test.each([10, 20, 30, 40, 60, 80, 200])(
  'no line is wider than a window of %i columns, in any view',
  (columns) => {
    const plain: Channel = { isTerminal: true, write: () => undefined, paint: (_, text) => text }
    const states: TopState[] = (['held', 'waiting', 'blocking'] as const).map((view) => ({
      ...startState(2000),
      view,
      filter: view === 'held' ? '' : 'key',
      isVerbose: true,
    }))
    for (const state of states) {
      const { lines } = drawScreen(
        { state, snapshot: snapshot(), message: null },
        { columns, rows: 14 },
        plain,
      )
      for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(columns)
      expect(lines.join('\n')).toContain(columns >= 40 ? '1 held' : '1')
    }
  },
)
