import type { SentenceJson, StateJson } from '../state-json.js'
import { byId, el, replaceIfChanged } from './dom.js'

const SIGNS = { problem: '✖ Problem', warning: '▲ Worth a look', ok: '' } as const

/** What is wrong in full; what is well in a line. */
export function showHealth({ health }: StateJson): void {
  const troubles = health.filter(({ severity }) => severity !== 'ok')
  const fine = health.filter(({ severity }) => severity === 'ok')
  replaceIfChanged(byId('troubles'), JSON.stringify(troubles), () => troubles.map(troubleItem))
  replaceIfChanged(byId('fine'), JSON.stringify(fine), () => fine.map(({ text }) => el('li', {}, text)))
}

function troubleItem({ severity, text, advice }: SentenceJson): HTMLElement {
  return el(
    'li',
    { class: 'trouble', 'data-severity': severity },
    el('span', { class: 'sign' }, SIGNS[severity]),
    el('span', { class: 'text' }, text),
    advice === null ? null : el('span', { class: 'advice' }, advice),
  )
}
