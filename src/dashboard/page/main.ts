/** The page: polls the state, and shows it. */
import type { StateJson } from '../state-json.js'
import { showChains } from './chains-view.js'
import { ChartsView } from './charts-view.js'
import { Client, Refused } from './client.js'
import { showDetail, type DetailHost } from './detail-view.js'
import { byId, el, setText, showChildren } from './dom.js'
import { askToEnd } from './end-dialog.js'
import { nextTrouble, showHealth } from './health-view.js'
import { listenToKeys } from './keyboard.js'
import { chooseLock, chosenLock, leaveLock } from './location.js'
import { LocksTable } from './locks-table.js'
import { askForToken } from './login-dialog.js'
import { Poll } from './poll.js'
import { chipCounts, selectLocks, type SortBy, type Wanted } from './select-locks.js'
import { setUpTheme } from './theme.js'
import { grouped } from './words.js'

const client = new Client()
const charts = new ChartsView()
const filter = byId('filter') as HTMLInputElement
const every = byId('every') as HTMLSelectElement
const table = new LocksTable({ open: chooseLock, order })
const poll = new Poll({ look, everyMs: () => Number(every.value) })

let state: StateJson | null = null
let wanted: Wanted = { chip: 'all', text: '', sortBy: 'urgency', isDescending: true }

async function look(): Promise<void> {
  try {
    state = await client.state()
    showLive('live')
    show()
  } catch (error) {
    if (error instanceof Refused && (error.status === 401 || error.status === 429)) return login(error)
    showLive('lost', error instanceof Refused ? error.message : 'no answer; trying again')
  }
}

function login({ code, message }: Refused): void {
  showLive('lost', 'a token is needed')
  askForToken(code === 'TOKEN_NEEDED' ? '' : message, (token) => {
    client.token = token
    poll.now()
  })
}

function showLive(how: 'live' | 'lost' | 'paused', why = ''): void {
  const live = byId('live')
  live.dataset['state'] = how
  setText(live, why === '' ? how : `${how}: ${why}`)
}

function show(): void {
  if (state === null) return
  showFacts(state)
  showHealth(state)
  showChips(state)
  charts.show(state)
  showChains(state)
  showDetail(chosenLock(), state, detailPorts)
  const locks = selectLocks(state, wanted)
  table.show(locks, state, chosenLock())
  showEmpty(state, locks.length)
}

const detailPorts: DetailHost = {
  close: closeDetail,
  end: (session) => {
    if (state !== null) askToEnd(session, state, client, () => poll.now())
  },
}

function closeDetail(): void {
  leaveLock()
  table.move(0)
}

function showFacts({ title, server, process }: StateJson): void {
  setText(byId('title'), title)
  document.title = `${title} · lockpool`
  const facts = [
    server === null ? null : `${server.product} ${server.version}, database ${server.database}`,
    server?.isStandby === true ? 'a standby' : null,
    process === null ? null : `in a process with a pool of ${process.connections.max} connections`,
    server?.hasKeyNames === false && process === null ? 'keys have no names here: lockpool install' : null,
  ]
  setText(byId('facts'), facts.filter((fact) => fact !== null).join(' · '))
}

function showChips(current: StateJson): void {
  const chips = chipCounts(current)
  if (!chips.some(({ chip }) => chip === wanted.chip)) wanted = { ...wanted, chip: 'all' }
  const buttons = chips.map(({ chip, label, count }) => {
    const isOn = String(chip === wanted.chip)
    const attributes = { type: 'button', class: 'chip', 'data-key': chip, 'aria-pressed': isOn }
    const button = el('button', attributes, `${label} `, el('b', {}, grouped(count)))
    button.addEventListener('click', () => want({ chip }))
    return button
  })
  showChildren(byId('chips'), buttons)
}

function showEmpty({ locks, server }: StateJson, shown: number): void {
  const empty = byId('empty')
  empty.hidden = shown > 0
  byId('locks').hidden = shown === 0
  if (shown > 0) return
  const none =
    server === null ? 'This process holds no locks.' : 'No locks are held, and there are no waiters.'
  setText(empty, locks.length === 0 ? none : 'No lock matches. Esc clears the filter.')
}

function want(change: Partial<Wanted>): void {
  wanted = { ...wanted, ...change }
  table.showOrder(wanted.sortBy, wanted.isDescending)
  show()
}

/** First click: texts ascending, numbers descending. Second: the other way. Third: back to the most urgent. */
function order(by: SortBy): void {
  const first = by !== 'title' && by !== 'holder'
  if (wanted.sortBy !== by) want({ sortBy: by, isDescending: first })
  else if (wanted.isDescending === first) want({ isDescending: !first })
  else want({ sortBy: 'urgency', isDescending: true })
}

function pause(): void {
  poll.isPaused = !poll.isPaused
  byId('pause').setAttribute('aria-pressed', String(poll.isPaused))
  setText(byId('pause'), poll.isPaused ? 'Go on' : 'Pause')
  if (poll.isPaused) showLive('paused')
}

function changePace(by: number): void {
  every.selectedIndex = Math.max(0, Math.min(every.selectedIndex + by, every.length - 1))
  poll.now()
}

function escape(): void {
  if (chosenLock() !== null) closeDetail()
  else {
    filter.value = ''
    filter.blur()
    want({ text: '', chip: 'all' })
  }
}

const nextTheme = setUpTheme()
const showKeys = (): void => (byId('keys') as HTMLDialogElement).showModal()
byId('pause').addEventListener('click', pause)
byId('help').addEventListener('click', showKeys)
every.addEventListener('change', () => poll.now())
filter.addEventListener('input', () => want({ text: filter.value }))
window.addEventListener('hashchange', () => {
  show()
  if (chosenLock() === null) return
  // The user may have chosen the lock far from its details: in a sentence at the top, or in a tree below.
  byId('detail').focus({ preventScroll: true })
  byId('detail').scrollIntoView({ block: 'nearest' })
})
listenToKeys({
  '/': () => filter.focus(),
  j: () => table.move(1),
  k: () => table.move(-1),
  ArrowDown: () => table.move(1),
  ArrowUp: () => table.move(-1),
  w: nextTrouble,
  p: pause,
  '+': () => changePace(-1),
  '-': () => changePace(1),
  t: nextTheme,
  '?': showKeys,
  Escape: escape,
})
poll.now()
