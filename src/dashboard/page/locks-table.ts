import type { LockJson, StateJson } from '../state-json.js'
import { byId, el, setAttribute } from './dom.js'
import { LockRow } from './lock-row.js'
import { rowWindow, scrollToRow } from './row-window.js'
import type { SortBy } from './select-locks.js'

const ROW_HEIGHT = 34
const HEAD_HEIGHT = 32
/** Up to this many rows are all in the document. */
const FEW = 12

interface Column {
  readonly sortBy: SortBy
  readonly title: string
  readonly width: string
  readonly isNumber?: boolean
}

const COLUMNS: readonly Column[] = [
  { sortBy: 'title', title: 'Lock', width: '25%' },
  { sortBy: 'holder', title: 'Held by', width: '31%' },
  { sortBy: 'age', title: 'Age', width: '12%', isNumber: true },
  { sortBy: 'token', title: 'Token', width: '15%', isNumber: true },
  { sortBy: 'waiters', title: 'Waiters', width: '17%', isNumber: true },
]

export interface TableHost {
  readonly open: (id: string) => void
  readonly order: (by: SortBy) => void
}

/** A table with elements only for the visible rows, which are reused: updates only change texts. */
export class LocksTable {
  readonly #host: TableHost
  readonly #scroll = byId('locks')
  readonly #heads = COLUMNS.map((column) => this.#head(column))
  readonly #above = spacer()
  readonly #below = spacer()
  readonly #body = el('tbody', {}, this.#above, this.#below)
  readonly #table: HTMLTableElement
  readonly #rows: LockRow[] = []
  #locks: readonly LockJson[] = []
  #sessions: StateJson['sessions'] = {}
  #chosen: string | null = null
  /** The row that Tab selects. */
  #current = 0

  constructor(host: TableHost) {
    this.#host = host
    const heads = el('tr', { 'aria-rowindex': '1' }, ...this.#heads)
    const columns = COLUMNS.map(({ width }) => el('col', { width }))
    this.#table = el(
      'table',
      { role: 'grid', 'aria-labelledby': 'locks-title' },
      el('colgroup', {}, ...columns),
      el('thead', {}, heads),
      this.#body,
    )
    this.#scroll.append(this.#table)
    this.#scroll.addEventListener('scroll', () => this.#draw(), { passive: true })
    new ResizeObserver(() => this.#draw()).observe(this.#scroll)
    this.#body.addEventListener('click', (event) => this.#onClick(event))
    this.#body.addEventListener('keydown', (event) => this.#onKey(event))
  }

  show(locks: readonly LockJson[], { sessions, process }: StateJson, chosen: string | null): void {
    // Only the process that has a lock knows its token.
    this.#table.classList.toggle('no-token', process === null)
    // The current row follows its lock. A lock that has just been opened becomes the current row.
    const isNew = chosen !== null && chosen !== this.#chosen
    const current = isNew ? chosen : this.#locks[this.#current]?.id
    const at = locks.findIndex(({ id }) => id === current)
    this.#current = at < 0 ? Math.max(0, Math.min(this.#current, locks.length - 1)) : at
    this.#locks = locks
    this.#sessions = sessions
    this.#chosen = chosen
    this.#scroll.classList.toggle('few', locks.length <= FEW)
    setAttribute(this.#table, 'aria-rowcount', String(locks.length + 1))
    this.#draw()
    if (isNew && at >= 0) this.#scrollToCurrent()
  }

  showOrder(by: SortBy, isDescending: boolean): void {
    COLUMNS.forEach(({ sortBy }, i) => {
      const order = isDescending ? 'descending' : 'ascending'
      setAttribute(this.#heads[i]!, 'aria-sort', sortBy === by ? order : 'none')
    })
  }

  /** Moves by this many rows, and moves the focus too. */
  move(by: number): void {
    if (this.#locks.length === 0) return
    const isInside = this.#body.contains(document.activeElement)
    const to = isInside ? this.#current + by : this.#current
    this.#current = Math.max(0, Math.min(to, this.#locks.length - 1))
    this.#scrollToCurrent()
    this.#rowAt(this.#current)?.element.focus({ preventScroll: true })
  }

  #scrollToCurrent(): void {
    const { scrollTop, clientHeight } = this.#scroll
    const top = scrollToRow(this.#current, ROW_HEIGHT, scrollTop, clientHeight, HEAD_HEIGHT)
    if (top !== null) this.#scroll.scrollTop = top
    this.#draw()
  }

  #head({ sortBy, title, isNumber }: Column): HTMLTableCellElement {
    const button = el('button', { type: 'button', class: isNumber === true ? 'number' : null }, title)
    button.addEventListener('click', () => this.#host.order(sortBy))
    return el('th', { scope: 'col', 'aria-sort': 'none', class: isNumber === true ? 'number' : null }, button)
  }

  #draw(): void {
    const height = this.#scroll.classList.contains('few') ? FEW * ROW_HEIGHT : this.#scroll.clientHeight
    const { from, to, above, below } = rowWindow(
      this.#locks.length,
      ROW_HEIGHT,
      this.#scroll.scrollTop,
      height,
    )
    setHeight(this.#above, above)
    setHeight(this.#below, below)
    while (this.#rows.length < to - from) {
      const row = new LockRow()
      this.#rows.push(row)
      this.#below.before(row.element)
    }
    this.#rows.forEach((row, i) => {
      const lock = from + i < to ? this.#locks[from + i]! : null
      row.show(lock, from + i, this.#sessions)
      if (lock === null) return
      setAttribute(row.element, 'aria-selected', String(lock.id === this.#chosen))
      setAttribute(row.element, 'tabindex', from + i === this.#current ? '0' : '-1')
    })
  }

  #rowAt(index: number): LockRow | undefined {
    return this.#rows.find((row) => row.index === index && !row.element.hidden)
  }

  #onClick({ target }: Event): void {
    const row = this.#rows.find(({ element }) => element.contains(target as Node))
    if (row === undefined || row.lock === null) return
    this.#current = row.index
    this.#host.open(row.lock.id)
  }

  #onKey(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(this.#scroll.clientHeight / ROW_HEIGHT) - 2)
    const steps: Readonly<Record<string, number>> = {
      ...{ ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page },
      ...{ Home: -Infinity, End: Infinity },
    }
    const step = steps[event.key]
    if (step !== undefined) this.move(step)
    else if (event.key === 'Enter') this.#host.open(this.#locks[this.#current]!.id)
    else return
    event.preventDefault()
    // Otherwise the page's own handler would move the row once more.
    event.stopPropagation()
  }
}

function setHeight(space: HTMLTableRowElement, height: number): void {
  space.cells[0]!.style.height = `${height}px`
  space.hidden = height === 0
}

function spacer(): HTMLTableRowElement {
  return el('tr', { class: 'space', 'aria-hidden': 'true' }, el('td'))
}
