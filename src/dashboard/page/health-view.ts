import type { SentenceJson, StateJson } from '../state-json.js'
import { byId, el, showChildren } from './dom.js'
import { lockLink } from './location.js'

const SIGNS = { problem: '✖ Problem', warning: '▲ Worth a look', ok: '' } as const

/** Problems in full, with a link to the lock; what is fine in one line. */
export function showHealth({ health, mayEnd }: StateJson): void {
  const troubles = health.filter(({ severity }) => severity !== 'ok')
  const fine = health.filter(({ severity }) => severity === 'ok')
  showChildren(
    byId('troubles'),
    troubles.map((trouble) => troubleItem(trouble, mayEnd)),
  )
  showChildren(
    byId('fine'),
    fine.map(({ text }) => el('li', {}, text)),
  )
}

/** Moves the focus to the next sentence with a link to a lock. */
export function nextTrouble(): void {
  const links = [...byId('troubles').querySelectorAll('a')]
  const at = links.findIndex((link) => link === document.activeElement)
  links[(at + 1) % links.length]?.focus()
}

function troubleItem(trouble: SentenceJson, mayEnd: boolean): HTMLElement {
  const { code, severity, text, pids, lock } = trouble
  const advice = adviceOn(trouble, mayEnd)
  const sentence = lock === null ? text : lockLink(lock, text, `${code} ${pids.join(' ')}`)
  return el(
    'li',
    { class: 'trouble', 'data-severity': severity },
    el('span', { class: 'sign' }, SIGNS[severity]),
    el('span', { class: 'text' }, sentence),
    advice === null ? null : el('span', { class: 'advice' }, advice),
  )
}

/** The advice, with the way to end the session if there is one. */
function adviceOn({ advice, endPid, lock }: SentenceJson, mayEnd: boolean): string | null {
  if (endPid === null) return advice
  const end =
    mayEnd && lock !== null
      ? 'Its session can be ended from the details of the lock.'
      : `pg_terminate_backend(${endPid}) ends its session.`
  return advice === null ? end : `${advice} ${end}`
}
