/** `lockpool/telemetry`: metrics of lock pools for Prometheus and OpenTelemetry. */
export type { ObservedPool } from './observed.js'
export { reportTo, type MeterLike, type ObserverLike } from './open-telemetry.js'
export { PrometheusMetrics, type RegistryLike } from './prometheus-metrics.js'
