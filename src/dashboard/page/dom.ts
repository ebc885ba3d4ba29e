type Child = Node | string | null

/** An element with attributes and children. Text stays text: nothing that comes from a server is ever read as HTML. */
export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string | null>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(key, value)
  element.append(...children.filter((child) => child !== null))
  return element
}

export function svg(
  name: string,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: readonly (Node | string)[]
): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value))
  element.append(...children)
  return element
}

/** An element that the page certainly has. */
export function byId(id: string): HTMLElement {
  return document.getElementById(id)!
}

/** Changes the document only if the text differs: a selection stays. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}

/**
 * Shows these children and changes only what differs, so that a selection, the focus and pressed buttons stay. An element
 * with a listener has a key in `data-key`: with another key it is another element.
 */
export function showChildren(parent: HTMLElement, children: readonly Node[]): void {
  const focused = parent.contains(document.activeElement) ? keyOf(document.activeElement!) : null
  patch(parent, children)
  if (focused === null || keyOf(document.activeElement!) === focused) return
  parent.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true })
}

function patch(parent: Element, children: readonly Node[]): void {
  const before = [...parent.childNodes]
  children.forEach((child, at) => {
    const old = before[at]
    if (old === undefined) parent.append(child)
    else if (old.nodeName !== child.nodeName || keyOf(old) !== keyOf(child)) old.replaceWith(child)
    else if (old instanceof Element) patchElement(old, child as Element)
    else if (old.nodeValue !== child.nodeValue) old.nodeValue = child.nodeValue
  })
  for (const old of before.slice(children.length)) old.remove()
}

function patchElement(old: Element, child: Element): void {
  for (const name of old.getAttributeNames()) if (!child.hasAttribute(name)) old.removeAttribute(name)
  for (const name of child.getAttributeNames()) setAttribute(old, name, child.getAttribute(name)!)
  patch(old, [...child.childNodes])
}

function keyOf(node: Node): string | null {
  return node instanceof Element ? node.getAttribute('data-key') : null
}
