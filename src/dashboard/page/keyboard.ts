/** The action of a key, wherever the focus is. */
export type KeyTable = Readonly<Record<string, () => void>>

/** Keys of the whole page: not in a text field, not with Ctrl or Alt, and not behind a dialog. */
export function listenToKeys(table: KeyTable): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return
    if (document.querySelector('dialog[open]') !== null) return
    // Escape also leaves a text field.
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
