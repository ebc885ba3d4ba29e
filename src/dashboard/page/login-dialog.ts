import { byId, el, setText } from './dom.js'

/** Asks for the token that reading needs. */
export function askForToken(problem: string, use: (token: string) => void): void {
  const dialog = byId('login') as HTMLDialogElement
  if (dialog.open) return
  const token = el('input', { type: 'password', name: 'token', autocomplete: 'off', required: '' })
  const fault = el('p', { class: 'fault', role: 'alert' })
  const form = el(
    'form',
    {},
    el('label', {}, 'Token of this dashboard', token),
    fault,
    el('div', { class: 'buttons' }, el('button', {}, 'Look')),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    dialog.close()
    use(token.value)
  })
  // Without the token there is nothing to show, so the dialog stays open.
  dialog.addEventListener('cancel', (event) => event.preventDefault())
  dialog.replaceChildren(el('h2', { id: 'login-title' }, 'This page needs a token'), form)
  setText(fault, problem)
  dialog.showModal()
}
