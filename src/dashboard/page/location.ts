import { el } from './dom.js'

const PREFIX = '#lock='

/** The lock that the address names, so that the address can be shared and "back" closes the details. */
export function chosenLock(): string | null {
  const { hash } = window.location
  if (!hash.startsWith(PREFIX)) return null
  try {
    return decodeURIComponent(hash.slice(PREFIX.length))
  } catch {
    return null
  }
}

export function chooseLock(id: string): void {
  window.location.hash = PREFIX + encodeURIComponent(id)
}

/** Closes the details and removes the lock from the address. */
export function leaveLock(): void {
  window.history.pushState(null, '', window.location.pathname + window.location.search)
  window.dispatchEvent(new HashChangeEvent('hashchange'))
}

/** `key` distinguishes it from other links to the same lock. */
export function lockLink(id: string, text: string, key: string): HTMLElement {
  return el('a', { href: PREFIX + encodeURIComponent(id), 'data-key': `${key} ${id}` }, text)
}
