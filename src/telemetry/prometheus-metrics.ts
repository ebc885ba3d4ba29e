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
 * Metrics of the lock pools of a process for Prometheus, in its text format and without a library, or in a registry of
 * `prom-client`. Metric names are derived from OpenTelemetry's as its exporters do it, so one dashboard shows either.
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
   * Includes a pool from now on, until the returned function is called. `name`, by default `lockpool`, becomes the label that
   * distinguishes pools.
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

  /** All metrics at this moment, in Prometheus' text format. */
  text(): string {
    const values = this.#values()
    return Object.values(METRICS)
      .flatMap((metric) => {
        const name = prometheusName(metric)
        const lines = values
          .get(metric)
          ?.map(({ suffix, attributes, value }) => `${name}${suffix}${labels(attributes)} ${number(value)}`)
        return lines === undefined ? [] : [...head(metric), ...lines, '']
      })
      .join('\n')
  }

  /**
   * Adds all metrics to a registry of the package `prom-client`, next to the metrics that are there already, until the
   * returned function is called. Pools may be watched before or after.
   *
   *     metrics.registerIn(promClient.register)
   *
   * @throws the registry's own error, if it has a metric with one of these names
   */
  registerIn(registry: RegistryLike): () => void {
    let values: ReadonlyMap<Metric, readonly Value[]> | null = null
    // The registry asks each metric on its own, all in one turn of the event loop. One snapshot answers all of them.
    const now = (): ReadonlyMap<Metric, readonly Value[]> => {
      if (values === null) queueMicrotask(() => (values = null))
      return (values ??= this.#values())
    }
    const names = Object.values(METRICS).map((metric) => {
      const entry = registryEntry(metric, () => now().get(metric) ?? [])
      registry.registerMetric(entry)
      return entry.name
    })
    return () => {
      for (const name of names) registry.removeSingleMetric(name)
    }
  }

  #values(): Map<Metric, Value[]> {
    const values = new Map<Metric, Value[]>()
    const add = (metric: Metric, suffix: string, attributes: Attributes, value: number): void => {
      const of = values.get(metric) ?? []
      values.set(metric, of)
      of.push({ suffix, attributes, value })
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
    return values
  }
}

/** One number of one series. The suffix is that of a histogram's parts, and empty otherwise. */
interface Value {
  readonly suffix: string
  readonly attributes: Attributes
  readonly value: number
}

/** The part of a `Registry` of `prom-client` that is used. That package is not needed, and not loaded. */
export interface RegistryLike {
  registerMetric(metric: { get(): unknown }): void
  removeSingleMetric(name: string): void
}

/** A metric in the form in which `prom-client` reads its own. */
interface RegistryEntry {
  /** A registry for OpenMetrics takes `_total` off the names of counters, and adds it again to each line. */
  name: string
  readonly type: Metric['kind']
  get(): object
}

function registryEntry(metric: Metric, valuesOf: () => readonly Value[]): RegistryEntry {
  const entry: RegistryEntry = {
    name: prometheusName(metric),
    type: metric.kind,
    get: () => ({
      name: entry.name,
      help: metric.description,
      type: metric.kind,
      aggregator: 'sum',
      values: valuesOf().map(({ suffix, attributes, value }) => ({
        value,
        labels: Object.fromEntries(
          Object.entries(attributes).map(([key, text]) => [key.replaceAll('.', '_'), text]),
        ),
        ...(suffix === '' ? {} : { metricName: `${entry.name}${suffix}` }),
      })),
    }),
  }
  return entry
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
