import type { LockJson, SessionJson, StateJson } from '../state-json.js'
import { el, setAttribute, setText } from './dom.js'
import { longestWait, tokenOf } from './select-locks.js'
import { age, applicationName, count, duration, hostWords } from './words.js'

/** The digits of a token that fit into its column. */
const TOKEN_END = 9

/** One row of the table, used for one lock after the other. */
export class LockRow {
  readonly #title = el('span')
  readonly #kind = el('span', { class: 'kind' })
  readonly #holder = el('span')
  readonly #host = el('span', { class: 'host' })
  readonly #others = el('span')
  readonly #label = el('span', { class: 'label dim' })
  readonly #age = el('td', { class: 'number' })
  readonly #token = el('td', { class: 'number dim' })
  readonly #waiters = el('td', { class: 'number' })
  readonly element: HTMLTableRowElement = el(
    'tr',
    { class: 'row' },
    el('td', {}, this.#title, this.#kind),
    el('td', {}, this.#holder, this.#host, this.#others, this.#label),
    this.#age,
    this.#token,
    this.#waiters,
  )
  lock: LockJson | null = null
  index = -1

  /** Null hides it. */
  show(lock: LockJson | null, index: number, sessions: StateJson['sessions']): void {
    this.lock = lock
    this.index = index
    this.element.hidden = lock === null
    if (lock === null) return
    setAttribute(this.element, 'aria-rowindex', String(index + 2))
    setText(this.#title, lock.title)
    setText(this.#kind, kindOf(lock))
    this.#showHolder(lock, sessions)
    setText(this.#label, labelOf(lock))
    setText(this.#age, lock.holders.length === 0 ? '' : age(oldest(lock)))
    const token = tokenOf(lock)
    setText(this.#token, token === null ? '' : shortToken(token))
    setAttribute(this.#token, 'title', token ?? '')
    setText(this.#waiters, waitersOf(lock))
    setAttribute(this.#waiters, 'class', lock.waiters.length === 0 ? 'number dim' : 'number waited')
  }

  #showHolder({ holders }: LockJson, sessions: StateJson['sessions']): void {
    const [first, ...others] = holders
    const session = sessions[String(first?.pid)]
    setText(this.#holder, first === undefined ? '–' : holderOf(first, session))
    setText(this.#host, first === undefined ? '' : hostWords(session, first.pid))
    setText(this.#others, others.length === 0 ? '' : ` and ${count(others.length, 'other', 'others')}`)
  }
}

/** The end of a token, which distinguishes it from others: tokens of the same minute begin with the same ten digits. */
function shortToken(token: string): string {
  return token.length <= TOKEN_END ? token : `…${token.slice(-TOKEN_END)}`
}

/** What is unusual about the lock: nearly all are advisory and exclusive. */
export function kindOf({ kind, namespace, holders, permits }: LockJson): string {
  if (kind === 'semaphore') return permits === null ? 'semaphore' : `${holders.length} of ${permits} permits`
  const words = [namespace, kind === 'advisory' ? null : kind, holders.some(isShared) ? 'shared' : null]
  return words.filter((word) => word !== null).join(' · ')
}

function isShared({ mode }: LockJson['holders'][number]): boolean {
  return mode === 'shared'
}

/** For a lock of this process without a known session, the process itself. */
function holderOf({ isHere, pid }: LockJson['holders'][number], session: SessionJson | undefined): string {
  return applicationName(session, isHere && session === undefined ? null : pid)
}

function labelOf({ holders }: LockJson): string {
  return holders.find(({ label }) => label)?.label ?? ''
}

function oldest({ holders }: LockJson): LockJson['holders'][number] {
  return holders.reduce((oldest, each) => (each.atLeastMs > oldest.atLeastMs ? each : oldest))
}

function waitersOf(lock: LockJson): string {
  const { length } = lock.waiters
  if (length === 0) return '0'
  const longest = longestWait(lock)
  return longest < 1000 ? String(length) : `${length}, for ${duration(longest)}`
}
