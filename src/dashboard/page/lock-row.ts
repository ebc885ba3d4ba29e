import type { LockJson, StateJson } from '../state-json.js'
import { el, setAttribute, setText } from './dom.js'
import { longestWait, tokenOf } from './select-locks.js'
import { age, count, duration, sessionName } from './words.js'

/** One row of the table, used for one lock after the other. */
export class LockRow {
  readonly #title = el('span')
  readonly #kind = el('span', { class: 'kind' })
  readonly #holder = el('span')
  readonly #label = el('span', { class: 'label dim' })
  readonly #age = el('td', { class: 'number' })
  readonly #token = el('td', { class: 'number dim' })
  readonly #waiters = el('td', { class: 'number' })
  readonly element: HTMLTableRowElement = el(
    'tr',
    { class: 'row' },
    el('td', {}, this.#title, this.#kind),
    el('td', {}, this.#holder, this.#label),
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
    setText(this.#holder, holderOf(lock, sessions))
    setText(this.#label, labelOf(lock))
    setText(this.#age, lock.holders.length === 0 ? '' : age(oldest(lock)))
    setText(this.#token, tokenOf(lock) ?? '')
    setText(this.#waiters, waitersOf(lock))
    setAttribute(this.#waiters, 'class', lock.waiters.length === 0 ? 'number dim' : 'number waited')
  }
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

function holderOf({ holders }: LockJson, sessions: StateJson['sessions']): string {
  const [first, ...others] = holders
  if (first === undefined) return '–'
  const name =
    first.isHere && sessions[String(first.pid)] === undefined
      ? 'this process'
      : sessionName(sessions[String(first.pid)], first.pid)
  return others.length === 0 ? name : `${name} and ${count(others.length, 'other', 'others')}`
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
