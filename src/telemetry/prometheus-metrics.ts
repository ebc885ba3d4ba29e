import { InvalidOptionError } from '../base/errors.js'
import { Histogram } from './histogram.js'
import { METRICS, POOL_NAME, type Attributes, type Metric } from './metric.js'
import { recordDurations, samplesOf, type ObservedPool } from './observed.js'

/** One series of durations. */
interface Durations {
  readonly metric: Metric
  readonly attributes: Attributes
  readonly histogram: Histogram
}

interface Watched {
  readonly locks: ObservedPool
  readonly durations: readonly Durations[]
}

/**
 * What Prometheus collects, in its text format, without a library: the lock pools of a process, each under a name. Names
 * of metrics are made from those of OpenTelemetry as its own exporters do, so that one dashboard shows either.
 *
 *     const metrics = new PrometheusMetrics()
 *     metrics.watch(locks, 'orders')
 *     server.on('request', (_, response) => response.setHeader('content-type', metrics.contentType).end(metrics.text()))
 */
export class PrometheusMetrics {
  /** For the header of the answer. */
  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8'
  readonly #watched = new Map<string, Watched>()

  /**
   * Shows a pool from now on, until the answer is called. `name`, by default `lockpool`, becomes the label that
   * tells pools apart.
   *
   * @throws {InvalidOptionError} another pool has that name
   */
  watch(locks: ObservedPool, name = 'lockpool'): () => void {
    if (this.#watched.has(name)) throw new InvalidOptionError([`a pool called "${name}" is watched already`])
    const durations: Durations[] = []
    const watched = { locks, durations }
    this.#watched.set(name, watched)
    const stop = recordDurations(locks, (metric, attributes) => {
      const histogram = new Histogram()
      durations.push({ metric, attributes, histogram })
      return (seconds) => histogram.record(seconds)
    })
    return () => {
      stop()
      if (this.#watched.get(name) === watched) this.#watched.delete(name)
    }
  }

  /** All that there is to say now. */
  text(): string {
    const lines = new Map<Metric, string[]>()
    const add = (metric: Metric, suffix: string, attributes: Attributes, value: number): void => {
      const of = lines.get(metric) ?? []
      lines.set(metric, of)
      of.push(`${prometheusName(metric)}${suffix}${labels(attributes)} ${number(value)}`)
    }
    for (const [name, { locks, durations }] of this.#watched) {
      for (const { metric, value, attributes } of samplesOf(locks.snapshot()))
        add(metric, '', { [POOL_NAME]: name, ...attributes }, value)
      for (const { metric, attributes, histogram } of durations) {
        const all = { [POOL_NAME]: name, ...attributes }
        for (const [bound, count] of histogram.cumulative())
          add(metric, '_bucket', { ...all, le: number(bound) }, count)
        add(metric, '_sum', all, histogram.sum)
        add(metric, '_count', all, histogram.count)
      }
    }
    const blocks = Object.values(METRICS).map((metric) => [metric, lines.get(metric)] as const)
    return blocks.flatMap(([metric, of]) => (of === undefined ? [] : [...head(metric), ...of, ''])).join('\n')
  }
}

/** As OpenTelemetry's exporters translate: dots become underscores, units and `total` are appended. */
export function prometheusName({ name, unit, kind }: Metric): string {
  const base = name.replaceAll('.', '_')
  return `${base}${unit === 's' ? '_seconds' : ''}${kind === 'counter' ? '_total' : ''}`
}

function head(metric: Metric): string[] {
  const name = prometheusName(metric)
  return [`# HELP ${name} ${metric.description}`, `# TYPE ${name} ${metric.kind}`]
}

function labels(attributes: Attributes): string {
  const pairs = Object.entries(attributes).map(
    ([name, value]) => `${name.replaceAll('.', '_')}="${escaped(value)}"`,
  )
  return `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function number(value: number): string {
  return value === Infinity ? '+Inf' : String(value)
}
