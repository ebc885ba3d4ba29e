import type { HolderJson, LockJson, SessionJson, StateJson, WaiterJson } from '../state-json.js'
import { byId, el, showChildren } from './dom.js'
import { age, count, processName, sessionName, sessionState } from './words.js'

/** What `--raw` takes: keys of PostgreSQL itself. */
const RAW_KEY = /^-?\d+(?:,-?\d+)?$/

export interface DetailHost {
  readonly close: () => void
  readonly end: (session: SessionJson) => void
}

/** Queues are mostly short. Of a queue of thousands only the head is interesting. */
const MOST_WAITERS = 100

/** The details of one lock. Null closes them. */
export function showDetail(id: string | null, state: StateJson, host: DetailHost): void {
  const section = byId('detail')
  section.hidden = id === null
  if (id === null) return
  const lock = state.locks.find((each) => each.id === id)
  showChildren(section, lock === undefined ? gone(id, host) : detail(lock, state, host))
}

function heading(title: string, { close }: DetailHost): HTMLElement {
  const button = el('button', { type: 'button', 'data-key': 'close', title: 'Close (Esc)' }, 'Close')
  button.addEventListener('click', close)
  return el('header', {}, el('h2', { id: 'detail-title' }, title), button)
}

function gone(id: string, host: DetailHost): HTMLElement[] {
  return [heading(id, host), el('p', { class: 'dim' }, 'It is free now, and has no waiters.')]
}

function detail(lock: LockJson, state: StateJson, host: DetailHost): HTMLElement[] {
  const { holders, waiters } = lock
  return [
    heading(lock.title, host),
    facts(lock),
    el(
      'div',
      {},
      el('h3', {}, holders.length === 0 ? 'Not held' : 'Held by'),
      ...holders.map((holder) => holderCard(holder, state, host)),
    ),
    el(
      'div',
      {},
      el('h3', {}, waiters.length === 0 ? 'No waiters' : `Waiting: ${waiters.length}`),
      el(
        'ol',
        { class: 'queue' },
        ...waiters.slice(0, MOST_WAITERS).map((waiter) => waiterItem(waiter, state)),
      ),
      waiters.length <= MOST_WAITERS
        ? null
        : el('p', { class: 'dim' }, `and ${count(waiters.length - MOST_WAITERS, 'other', 'others')}`),
    ),
  ]
}

/** The ids of members, which have locks with `backend: 'table'`, begin here. The pids of a server are smaller. */
const FIRST_MEMBER = 2 ** 32

function kindInWords({ kind, holders, waiters }: LockJson): string {
  const isRow = [...holders, ...waiters].some(({ pid }) => pid !== null && pid >= FIRST_MEMBER)
  return kind === 'advisory' && isRow ? 'leased row' : kind
}

function facts(lock: LockJson): HTMLElement {
  const { kind, key, namespace, permits } = lock
  const rows: (readonly [string, string | null])[] = [
    ['kind', kindInWords(lock)],
    ['namespace', namespace],
    ['permits', permits === null ? null : String(permits)],
    ['key', kind === 'advisory' ? key : null],
    [
      'from a terminal',
      kind === 'advisory' && key !== null && RAW_KEY.test(key) ? `lockpool who --raw ${key}` : null,
    ],
  ]
  return list(rows)
}

function list(rows: readonly (readonly [string, string | null])[]): HTMLElement {
  const shown = rows.filter(([, value]) => value !== null)
  return el(
    'dl',
    { class: 'facts-list' },
    ...shown.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]),
  )
}

function holderCard(
  holder: HolderJson,
  { sessions, mayEnd, locks }: StateJson,
  { end }: DetailHost,
): HTMLElement {
  const { pid, permit, mode, token, isHere } = holder
  const session = sessions[String(pid)]
  // The server's placeholder for a hidden statement is not a statement.
  const isShown = session !== undefined && !session.isLockSession && session.state !== null
  const query = isShown ? session.query : null
  const others = locks.filter(({ holders }) => holders.some((each) => each.pid === pid)).length - 1
  const card = el(
    'div',
    { class: 'card' },
    el('strong', {}, isHere && session === undefined ? 'this process' : sessionName(session, pid)),
    list([
      ['label', holder.label],
      ['held for', age(holder) === '' ? null : age(holder)],
      ['mode', permit === null ? mode : `permit ${permit}`],
      ['token', token],
      ['backend pid', pid === null || pid === 0 ? null : `${pid}${isHere ? ', of this process' : ''}`],
      ['process', processName(session)],
      ['user', session?.user ?? null],
      ['state', session === undefined ? null : sessionState(session)],
      ['waits for', session === undefined ? null : waitOf(session)],
      ['also holds', others > 0 ? count(others, 'other lock', 'other locks') : null],
    ]),
    query === null || query === '' ? null : el('pre', {}, query),
  )
  if (mayEnd && session !== undefined && session.startedAt !== null) {
    const button = el(
      'button',
      { type: 'button', class: 'danger', 'data-key': `end ${pid} ${session.startedAt}` },
      'End this session…',
    )
    button.addEventListener('click', () => end(session))
    card.append(button)
  }
  return card
}

/** An idle session waits for its client, which is not worth showing. */
function waitOf({ isLockSession, waitsFor }: SessionJson): string | null {
  return isLockSession || waitsFor?.startsWith('Client:') === true ? null : waitsFor
}

function waiterItem(waiter: WaiterJson, { sessions }: StateJson): HTMLElement {
  const { pid, mode, isOutside, isHere } = waiter
  const how = [
    mode,
    isHere ? 'a caller of this process' : null,
    isOutside && !isHere ? 'in its process' : null,
    waiter.label,
  ]
  const words = how.filter((each) => each !== null).join(', ')
  const waited = age(waiter)
  const name =
    isHere && sessions[String(pid)] === undefined ? 'this process' : sessionName(sessions[String(pid)], pid)
  return el(
    'li',
    {},
    el('span', {}, name, words === '' ? null : el('span', { class: 'dim' }, ` ${words}`)),
    el('span', { class: 'dim' }, waited),
  )
}
