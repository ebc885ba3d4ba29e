import type { HistoryJson, StateJson } from '../state-json.js'
import { Chart, type Series } from './chart.js'
import { byId, setText } from './dom.js'
import { duration, grouped } from './words.js'

/**
 * Charts of connections, locks, waits and holds. Only a process knows the durations of its own locks, so a standalone
 * dashboard has the first two.
 */
export class ChartsView {
  readonly #locks = new Chart({ title: 'Locks', isLogarithmic: false, words: amount })
  readonly #connections = new Chart({ title: 'Connections', isLogarithmic: false, words: amount })
  readonly #waits = new Chart({ title: 'Waits', isLogarithmic: true, words: duration })
  readonly #holds = new Chart({ title: 'Holds', isLogarithmic: true, words: duration })

  constructor() {
    byId('charts').append(
      ...[this.#locks, this.#connections, this.#waits, this.#holds].map(({ figure }) => figure),
    )
  }

  show({ history, at: now }: StateJson): void {
    const { at, maxConnections, held, waiting, connections } = history
    const spanMs = spanOf(history, now)
    const show = (chart: Chart, series: readonly Series[], limit: number | null): void =>
      chart.show({ at, now, spanMs, series, limit })
    show(this.#locks, [named('held', held), named('waiting', waiting)], null)
    show(this.#connections, [named(nameOfConnections(history), connections)], maxConnections)
    const isMeasured = history.of === 'process'
    byId('charts').classList.toggle('two', !isMeasured)
    for (const { figure } of [this.#waits, this.#holds]) figure.hidden = !isMeasured
    show(this.#waits, quantiles(history.waits), null)
    show(this.#holds, quantiles(history.holds), null)
    setText(byId('charts-note'), noteOn(history))
  }
}

/** How far back to draw: a page that has just been opened must not show a quarter of an hour without data. */
function spanOf({ at, spanMs }: HistoryJson, now: number): number {
  const age = now - (at[0] ?? now)
  return SPANS_MS.find((span) => span >= age) ?? spanMs
}

const SPANS_MS = [2, 5, 15].map((minutes) => minutes * 60_000)

function amount(value: number): string {
  return Number.isInteger(value) ? grouped(value) : String(value)
}

function named(name: string, values: Series['values']): Series {
  return { name, values }
}

function quantiles({ p50, p95, p99 }: HistoryJson['waits']): Series[] {
  return [named('p50', p50), named('p95', p95), named('p99', p99)]
}

function nameOfConnections({ maxConnections }: HistoryJson): string {
  return maxConnections === null ? 'open' : `of ${grouped(maxConnections)}, open`
}

function noteOn({ of, everyMs }: HistoryJson): string {
  const slot = `${everyMs / 1000} s`
  return of === 'process'
    ? `This process: every lock is measured. ${slot} per point.`
    : `Whole database, sampled while this page is open. ${slot} per point.`
}
