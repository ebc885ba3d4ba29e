/** What a key does, wherever the focus is. */
export type KeyTable = Readonly<Record<string, () => void>>

/** Keys of the whole page: not while somebody types, not with Ctrl or Alt, and not behind a dialog. */
export function listenToKeys(table: KeyTable): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return
    if (document.querySelector('dialog[open]') !== null) return
    // Escape is for leaving a field as well.
    if (isTyping(event.target) && event.key !== 'Escape') return
    const act = table[event.key]
    if (act === undefined) return
    event.preventDefault()
    act()
  })
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, select, textarea')
}
