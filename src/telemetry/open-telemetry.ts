import { BUCKETS, METRICS, POOL_NAME, type Attributes, type Metric } from './metric.js'
import { recordDurations, samplesOf, type ObservedPool } from './observed.js'

/** The metadata of an instrument. */
interface InstrumentOptions {
  readonly description: string
  readonly unit: string
}

/** The part of a `Meter` of `@opentelemetry/api` that is used. That package is not needed, and not loaded. */
export interface MeterLike<Observable = unknown> {
  createHistogram(
    name: string,
    options: InstrumentOptions & { readonly advice: { explicitBucketBoundaries: number[] } },
  ): { record(value: number, attributes: Record<string, string>): void }
  createObservableUpDownCounter(name: string, options: InstrumentOptions): Observable
  createObservableCounter(name: string, options: InstrumentOptions): Observable
  addBatchObservableCallback(
    callback: (observer: ObserverLike<Observable>) => void,
    observables: Observable[],
  ): void
  removeBatchObservableCallback(
    callback: (observer: ObserverLike<Observable>) => void,
    observables: Observable[],
  ): void
}

/** The part of its observers that is used. */
export interface ObserverLike<Observable> {
  observe(observable: Observable, value: number, attributes: Record<string, string>): void
}

/**
 * Reports a pool to OpenTelemetry from now on, until the returned function is called. `name`, by default `lockpool`, is its
 * `db.client.connection.pool.name`.
 *
 *     reportTo(metrics.getMeter('orders'), locks, 'orders')
 */
export function reportTo<Observable>(
  meter: MeterLike<Observable>,
  locks: ObservedPool,
  name = 'lockpool',
): () => void {
  const options = ({ description, unit }: Metric): InstrumentOptions => ({ description, unit })
  const all = Object.values(METRICS)
  const observables = new Map<Metric, Observable>(
    all.flatMap((metric): [Metric, Observable][] => {
      if (metric.kind === 'gauge')
        return [[metric, meter.createObservableUpDownCounter(metric.name, options(metric))]]
      if (metric.kind === 'counter')
        return [[metric, meter.createObservableCounter(metric.name, options(metric))]]
      return []
    }),
  )
  const advice = { explicitBucketBoundaries: [...BUCKETS] }
  const histograms = new Map(
    all
      .filter(({ kind }) => kind === 'histogram')
      .map((metric) => [metric, meter.createHistogram(metric.name, { ...options(metric), advice })]),
  )
  const withName = (attributes: Attributes): Record<string, string> => ({ [POOL_NAME]: name, ...attributes })

  const observe = (observer: ObserverLike<Observable>): void => {
    for (const { metric, value, attributes } of samplesOf(locks.snapshot()))
      observer.observe(observables.get(metric)!, value, withName(attributes))
  }
  meter.addBatchObservableCallback(observe, [...observables.values()])
  const stop = recordDurations(locks, (metric, attributes) => {
    const histogram = histograms.get(metric)!
    const all = withName(attributes)
    return (seconds) => histogram.record(seconds, all)
  })
  return () => {
    stop()
    meter.removeBatchObservableCallback(observe, [...observables.values()])
  }
}
