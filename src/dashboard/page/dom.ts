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

/** What the page is certain to have. */
export function byId(id: string): HTMLElement {
  return document.getElementById(id)!
}

/** Touches the document only where something changes: what a reader has selected stays selected. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}

/** Replaces the children only if `print`, which stands for what they show, is another than before. */
export function replaceIfChanged(parent: HTMLElement, print: string, make: () => readonly Node[]): void {
  if (PRINTS.get(parent) === print) return
  PRINTS.set(parent, print)
  parent.replaceChildren(...make())
}

const PRINTS = new WeakMap<HTMLElement, string>()
