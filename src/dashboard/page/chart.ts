import { el, setText, svg } from './dom.js'
import { decades, greatest, latest, nearest, pathOf, roundUp, type Values } from './scale.js'

export interface Series {
  readonly name: string
  readonly values: Values
}

export interface ChartData {
  readonly at: readonly number[]
  readonly now: number
  readonly spanMs: number
  readonly series: readonly Series[]
  /** A limit, drawn as a line. */
  readonly limit: number | null
}

export interface ChartKind {
  readonly title: string
  /** Durations differ by powers of ten. */
  readonly isLogarithmic: boolean
  readonly words: (value: number) => string
}

const LEFT = 46
const RIGHT = 8
const TOP = 6
const BOTTOM = 16

/** Values over time. The legend shows the newest values, or those at the pointer. */
export class Chart {
  readonly figure: HTMLElement
  readonly #kind: ChartKind
  readonly #plot = svg('svg', { class: 'plot', role: 'img' })
  readonly #legend = el('span', { class: 'legend' })
  #data: ChartData | null = null
  #pointed: number | null = null

  constructor(kind: ChartKind) {
    this.#kind = kind
    this.figure = el(
      'figure',
      { class: 'panel' },
      el('figcaption', {}, el('span', {}, kind.title), this.#legend),
      this.#plot,
    )
    this.#plot.addEventListener('pointermove', ({ offsetX }) => this.#point(offsetX))
    this.#plot.addEventListener('pointerleave', () => this.#point(null))
    new ResizeObserver(() => this.#draw()).observe(this.#plot)
  }

  show(data: ChartData): void {
    this.#data = data
    this.#draw()
  }

  #point(offsetX: number | null): void {
    const data = this.#data
    if (data === null) return
    if (offsetX === null || data.at.length === 0) this.#pointed = null
    else this.#pointed = nearest(data.at, this.#moment(data, offsetX))
    this.#draw()
  }

  #moment({ now, spanMs }: ChartData, x: number): number {
    return now - spanMs + ((x - LEFT) / (this.#plot.clientWidth - LEFT - RIGHT)) * spanMs
  }

  #draw(): void {
    const data = this.#data
    const { clientWidth: width, clientHeight: height } = this.#plot
    if (data === null || width === 0) return
    const x = (at: number): number =>
      LEFT + (1 - (data.now - data.at[at]!) / data.spanMs) * (width - LEFT - RIGHT)
    const { y, ticks } = this.#scale(data, height)
    const parts = ticks.flatMap((value) => [
      svg('line', { class: 'grid', x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
      svg('text', { x: LEFT - 6, y: y(value) + 3.5, 'text-anchor': 'end' }, this.#kind.words(value)),
    ])
    if (data.limit !== null)
      parts.push(
        svg('line', { class: 'limit', x1: LEFT, x2: width - RIGHT, y1: y(data.limit), y2: y(data.limit) }),
      )
    const pointed = this.#pointed
    if (pointed !== null && pointed < data.at.length)
      parts.push(
        svg('line', { class: 'cursor', x1: x(pointed), x2: x(pointed), y1: TOP, y2: height - BOTTOM }),
      )
    data.series.forEach(({ values }, i) =>
      parts.push(svg('path', { class: `series-${i + 1}`, d: pathOf(values, x, y) })),
    )
    const minutes = Math.round(data.spanMs / 60_000)
    parts.push(svg('text', { x: LEFT, y: height - 3 }, `${minutes} min ago`))
    parts.push(svg('text', { x: width - RIGHT, y: height - 3, 'text-anchor': 'end' }, 'now'))
    this.#plot.setAttribute('viewBox', `0 0 ${width} ${height}`)
    this.#plot.replaceChildren(...parts)
    this.#write(data)
  }

  #scale(
    data: ChartData,
    height: number,
  ): { readonly y: (value: number) => number; readonly ticks: readonly number[] } {
    const series = data.series.map(({ values }) => values)
    const place = (part: number): number => height - BOTTOM - part * (height - TOP - BOTTOM)
    if (this.#kind.isLogarithmic) {
      const [low, high] = decades(series) ?? [0, 3]
      const step = Math.ceil((high - low) / 4)
      const count = Math.floor((high - low) / step) + 1
      const y = (value: number): number => place((Math.log10(Math.max(value, 0.01)) - low) / (high - low))
      return { y, ticks: Array.from({ length: count }, (_, i) => 10 ** (low + i * step)) }
    }
    const top = roundUp(Math.max(greatest(series), data.limit ?? 0))
    // The ticks are whole numbers, because half a lock does not exist.
    return { y: (value) => place(value / top), ticks: top % 2 === 0 ? [0, top / 2, top] : [0, top] }
  }

  /** Describes the chart in words, for screen readers. */
  #write({ series }: ChartData): void {
    const values = series.map(({ name, values }) => {
      const value = this.#pointed === null ? latest(values) : (values[this.#pointed] ?? null)
      return { name, text: value === null ? '–' : this.#kind.words(value) }
    })
    const words = values.map(({ name, text }) => `${name} ${text}`).join(', ')
    this.#plot.setAttribute('aria-label', `${this.#kind.title}: ${words}`)
    if (this.#legend.childElementCount !== values.length)
      this.#legend.replaceChildren(
        ...values.map(({ name }, i) => el('span', { class: `series-${i + 1}` }, `${name} `, el('b'))),
      )
    values.forEach(({ text }, i) => setText(this.#legend.children[i]!.querySelector('b')!, text))
  }
}
