import type { EndJson, SessionJson, StateJson } from '../state-json.js'
import { Refused, type Client } from './client.js'
import { byId, el, setText } from './dom.js'
import { count, sessionName } from './words.js'

/** More locks than these are only counted. */
const MOST_NAMED = 6

/** Asks for confirmation before a session is ended: shows what is lost, and takes its pid and the token. */
export function askToEnd(session: SessionJson, state: StateJson, client: Client, looked: () => void): void {
  const dialog = byId('end') as HTMLDialogElement
  const { pid } = session
  const typed = el('input', { name: 'confirm', autocomplete: 'off', inputmode: 'numeric', required: '' })
  const token = el('input', { name: 'token', type: 'password', autocomplete: 'off', required: '' })
  const fault = el('p', { class: 'fault', role: 'alert' })
  const submit = el('button', { class: 'danger', disabled: '' }, 'End the session')
  const cancel = el('button', { type: 'button' }, 'Cancel')
  const form = el(
    'form',
    {},
    el('label', {}, `To confirm, type its pid, ${pid}`, typed),
    el('label', {}, 'Token of this dashboard', token),
    fault,
    el('div', { class: 'buttons' }, cancel, submit),
  )
  const isReady = (): boolean => typed.value.trim() === String(pid) && token.value !== ''
  form.addEventListener('input', () => {
    submit.disabled = !isReady()
  })
  cancel.addEventListener('click', () => dialog.close())
  const end = async (): Promise<void> => {
    submit.disabled = true
    const order = { pid, startedAt: session.startedAt!, confirm: typed.value.trim() }
    const problem = await endIt(client, order, token.value)
    if (problem === null) dialog.close()
    else setText(fault, problem)
    submit.disabled = !isReady()
    looked()
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (isReady()) void end()
  })
  const title = el('h2', { id: 'end-title' }, `End the session of ${sessionName(session, pid)}?`)
  dialog.replaceChildren(title, ...consequences(session, state), form)
  dialog.showModal()
}

/** Null if it succeeded. */
async function endIt(client: Client, order: EndJson, token: string): Promise<string | null> {
  try {
    const { ended, isStillThere } = await client.end(order, token)
    if (!ended) return 'This session has already ended.'
    return isStillThere
      ? 'It was asked to end, and is still there: it ends when its statement can be interrupted.'
      : null
  } catch (error) {
    return error instanceof Refused ? `Refused: ${error.message}.` : 'The dashboard does not answer.'
  }
}

/** What is lost. */
function consequences({ pid, isHere, isLockSession }: SessionJson, { locks }: StateJson): HTMLElement[] {
  const held = locks.filter(({ holders }) => holders.some((holder) => holder.pid === pid))
  const behind = held.reduce((sum, { waiters }) => sum + waiters.length, 0)
  const named = held.slice(0, MOST_NAMED).map(({ title, waiters }) => {
    const wait = waiters.length === 0 ? '' : `, ${count(waiters.length, 'waiter', 'waiters')}`
    return el('li', {}, `${title}${wait}`)
  })
  if (held.length > MOST_NAMED)
    named.push(el('li', {}, `and ${count(held.length - MOST_NAMED, 'other', 'others')}`))
  const what = isLockSession
    ? 'It is a lock session of lockpool: its holders learn that their locks are lost.'
    : 'Its statement is interrupted, and its transaction is rolled back.'
  return [
    el('p', {}, what, isHere ? ' It belongs to the process that serves this page.' : null),
    el(
      'p',
      {},
      `It holds ${count(held.length, 'lock', 'locks')}, with ${count(behind, 'waiter', 'waiters')}:`,
    ),
    el('ul', {}, ...named),
  ]
}
