import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { InvalidOptionError } from '../../../src/base/errors.js'
import { METRICS } from '../../../src/telemetry/metric.js'
import {
  PrometheusMetrics,
  prometheusName,
  type RegistryLike,
} from '../../../src/telemetry/prometheus-metrics.js'
import { settle } from '../../../src/testing/manual-clock.js'
import { fakeWorld } from '../../support/fake-world.js'

/** A line of the format: a comment, or a name, labels and a number, or nothing. */
const LINE =
  /^(# (HELP|TYPE) [a-z][a-z0-9_]* .+|[a-z][a-z0-9_]*\{([a-z_]+="([^"\\\n]|\\.)*",?)*\} ([0-9.e+-]+|\+Inf)|)$/

/** The value of one series. */
function value(text: string, series: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `))
  if (line === undefined) throw new Error(`there is no ${series} in\n${text}`)
  return Number(line.slice(series.length + 1))
}

test('Prometheus collects the events that happened', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 3, min: 2 })
  const metrics = new PrometheusMetrics()
  metrics.watch(locks, 'orders')

  const first = await locks.acquire('a')
  const second = locks.acquire('a')
  const late = locks.acquire('a', { timeoutMs: 5 })
  late.catch(() => undefined)
  await settle()
  await world.clock.run(6)
  await expect(late).rejects.toThrow()
  const during = metrics.text()
  await first.release()
  await (await second).release()
  const reader = await locks.acquire('b', { mode: 'shared' })
  await reader.release()
  const after = metrics.text()

  const pool = 'db_client_connection_pool_name="orders"'
  const count = (name: string): number => value(after, `${name}{${pool}}`)
  expect(during.split('\n').filter((line) => !LINE.test(line))).toEqual([])
  expect(value(during, `lockpool_lock_held{${pool}}`)).toBe(1)
  expect(value(during, `lockpool_lock_waiting{${pool}}`)).toBe(1)
  expect(value(during, `db_client_connection_count{${pool},db_client_connection_state="used"}`)).toBe(1)
  expect(value(during, `db_client_connection_max{${pool}}`)).toBe(3)
  expect(count('lockpool_lock_acquired_total')).toBe(3)
  expect(count('lockpool_lock_handed_off_total')).toBe(1)
  expect(count('lockpool_lock_released_total')).toBe(3)
  expect(count('lockpool_lock_refused_total')).toBe(1)
  expect(count('lockpool_lock_timeouts_total')).toBe(1)
  expect(count('lockpool_lock_lost_total')).toBe(0)

  const wait = 'lockpool_lock_wait_duration_seconds'
  const exclusive = `${pool},lockpool_lock_mode="exclusive"`
  expect(value(after, `${wait}_count{${exclusive}}`)).toBe(2)
  expect(value(after, `${wait}_bucket{${exclusive},le="0.005"}`)).toBe(1)
  expect(value(after, `${wait}_bucket{${exclusive},le="0.01"}`)).toBe(2)
  expect(value(after, `${wait}_bucket{${exclusive},le="+Inf"}`)).toBe(2)
  expect(value(after, `${wait}_sum{${exclusive}}`)).toBeCloseTo(0.006)
  expect(value(after, `${wait}_count{${pool},lockpool_lock_mode="shared"}`)).toBe(1)
  expect(value(after, `lockpool_lock_hold_duration_seconds_count{${exclusive}}`)).toBe(2)
  expect(value(after, `db_client_connection_create_time_seconds_count{${pool}}`)).toBe(2)
  expect(value(after, `db_client_connection_wait_time_seconds_count{${pool}}`)).toBeGreaterThan(0)
  expect(after, 'a key is no label').not.toContain('"a"')
})

test('a borrower shows how long it had its connection', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const metrics = new PrometheusMetrics()
  metrics.watch(locks)
  const connection = await locks.connections.connect()
  await world.clock.run(2000)
  connection.release()

  const text = metrics.text()
  const use = 'db_client_connection_use_time_seconds'
  const pool = 'db_client_connection_pool_name="lockpool"'
  expect(value(text, `${use}_sum{${pool}}`)).toBe(2)
  expect(value(text, `${use}_bucket{${pool},le="1"}`)).toBe(0)
  expect(value(text, `${use}_bucket{${pool},le="2.5"}`)).toBe(1)
})

test('pools of one process stand under one heading, each with its label, and a name is used once', async () => {
  const world = fakeWorld()
  const metrics = new PrometheusMetrics()
  const stop = metrics.watch(world.pool(), 'a')
  metrics.watch(world.pool(), 'b "quoted"\n')

  expect(() => metrics.watch(world.pool(), 'a')).toThrow(InvalidOptionError)
  const text = metrics.text()
  expect(text.match(/# TYPE lockpool_lock_held gauge/g)).toHaveLength(1)
  expect(text).toContain('lockpool_lock_held{db_client_connection_pool_name="a"} 0')
  expect(text).toContain('lockpool_lock_held{db_client_connection_pool_name="b \\"quoted\\"\\n"} 0')
  expect(text.split('\n').filter((line) => !LINE.test(line))).toEqual([])

  stop()
  expect(metrics.text()).not.toContain('name="a"')
  metrics.watch(world.pool(), 'a')
  stop()
  expect(metrics.text(), 'it stops its own, once').toContain('name="a"')
})

test('names are those that exporters of OpenTelemetry make', () => {
  expect(prometheusName(METRICS.connectionCount)).toBe('db_client_connection_count')
  expect(prometheusName(METRICS.waitTime)).toBe('lockpool_lock_wait_duration_seconds')
  expect(prometheusName(METRICS.lost)).toBe('lockpool_lock_lost_total')
})

/**
 * The part of `prom-client` that this test uses. The module is loaded by name, so the types do not depend on its installation.
 */
interface Registry extends RegistryLike {
  metrics(): Promise<string>
}
interface PromClient {
  readonly Registry: {
    new (contentType?: string): Registry
    readonly OPENMETRICS_CONTENT_TYPE: string
  }
  readonly Gauge: new (config: object) => unknown
}
const promClient = createRequire(import.meta.url)('prom-client') as PromClient

test('a registry of prom-client shows the same series as the text, next to its own metrics, until it is asked to stop', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const metrics = new PrometheusMetrics()
  metrics.watch(locks, 'a "quoted" pool')
  const registry = new promClient.Registry()
  const own = new promClient.Gauge({ name: 'own', help: 'own', registers: [registry] })

  const stop = metrics.registerIn(registry)
  await (await locks.acquire('a')).release()

  expect(own).toBeDefined()
  const text = await registry.metrics()
  const series = (all: string): string[] => all.split('\n').filter((line) => /^[a-z]/.test(line))
  expect(series(text).filter((line) => !line.startsWith('own '))).toEqual(series(metrics.text()))
  expect(text).toContain('own 0')
  expect(text).toContain('# TYPE lockpool_lock_wait_duration_seconds histogram')

  stop()

  expect(series(await registry.metrics())).toEqual(['own 0'])
})

test('a registry for OpenMetrics has "_total" once', async () => {
  const locks = fakeWorld().pool()
  const metrics = new PrometheusMetrics()
  metrics.watch(locks)
  const registry = new promClient.Registry(promClient.Registry.OPENMETRICS_CONTENT_TYPE)
  metrics.registerIn(registry)

  const text = await registry.metrics()

  expect(text).toMatch(/^lockpool_lock_acquired_total\{.*\} 0$/m)
  expect(text).not.toContain('total_total')
})

test('one scrape of a registry takes one snapshot', async () => {
  const locks = fakeWorld().pool()
  let snapshots = 0
  const counted = {
    on: locks.on.bind(locks),
    off: locks.off.bind(locks),
    connections: locks.connections,
    snapshot: () => {
      snapshots++
      return locks.snapshot()
    },
  }
  const metrics = new PrometheusMetrics()
  metrics.watch(counted)
  const registry = new promClient.Registry()
  metrics.registerIn(registry)

  await registry.metrics()
  await registry.metrics()

  expect(snapshots).toBe(2)
})
