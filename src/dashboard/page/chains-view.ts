import type { ChainJson, StateJson } from '../state-json.js'
import { byId, el, showChildren } from './dom.js'
import { lockLink } from './location.js'
import { age, count, sessionName, sessionState } from './words.js'

type Sessions = StateJson['sessions']

/** Who blocks whom, as trees that grow downward. At the top are sessions that do not wait. */
export function showChains({ chains, sessions, server }: StateJson): void {
  const parent = byId('chains')
  if (chains.length === 0) {
    const text = server === null ? 'The server cannot be inspected.' : 'No session blocks another.'
    showChildren(parent, [el('p', { class: 'dim' }, text)])
  } else
    showChildren(
      parent,
      chains.map((chain) => tree(chain, sessions)),
    )
}

export function tree(chain: ChainJson, sessions: Sessions): HTMLElement {
  return el('div', { class: 'tree' }, node(chain, sessions), below(chain, sessions))
}

function below({ blocked, leftOut }: ChainJson, sessions: Sessions): HTMLElement | null {
  if (blocked.length === 0 && leftOut === 0) return null
  const items = blocked.map((each) => el('li', {}, node(each, sessions), below(each, sessions)))
  if (leftOut > 0) items.push(el('li', { class: 'dim' }, `and ${count(leftOut, 'other', 'others')}`))
  return el('ul', {}, ...items)
}

function node({ pid, wait }: ChainJson, sessions: Sessions): HTMLElement {
  const session = sessions[String(pid)]
  const isOutside = wait?.isOutside === true
  return el(
    'div',
    { class: isOutside ? 'node outside' : 'node' },
    el('strong', {}, sessionName(session, pid)),
    pid === 0 ? null : ` pid ${pid}`,
    wait === null
      ? el('span', { class: 'dim' }, session === undefined ? '' : sessionState(session))
      : el(
          'span',
          { class: 'dim' },
          'waits for ',
          lockLink(wait.lock, wait.title, String(pid)),
          waitWords(wait),
        ),
  )
}

function waitWords(wait: NonNullable<ChainJson['wait']>): string {
  const parts = [wait.mode, wait.isOutside ? 'in its process' : null, age(wait)]
  return parts.map((part) => (part === null || part === '' ? '' : `, ${part}`)).join('')
}
