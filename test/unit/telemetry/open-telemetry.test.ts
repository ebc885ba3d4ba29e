import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { expect, test } from 'vitest'
import { METRICS } from '../../../src/telemetry/metric.js'
import { reportTo } from '../../../src/telemetry/open-telemetry.js'
import { fakeWorld } from '../../support/fake-world.js'

/** OpenTelemetry's own SDK, and a function that returns the metrics that it has collected. */
function telemetry() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const provider = new MeterProvider({ readers: [reader] })
  const collected = async () => {
    exporter.reset()
    await reader.forceFlush()
    const metrics = exporter.getMetrics()[0]?.scopeMetrics[0]?.metrics ?? []
    return new Map(metrics.map(({ descriptor, dataPoints }) => [descriptor.name, { descriptor, dataPoints }]))
  }
  return { meter: provider.getMeter('test'), collected, shutdown: () => provider.shutdown() }
}

test('a meter of OpenTelemetry gets all measurements, under the names of its conventions', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 4 })
  const { meter, collected, shutdown } = telemetry()
  const stop = reportTo(meter, locks, 'orders')
  const lock = await locks.acquire('a')
  await world.clock.run(250)
  const held = await collected()
  await lock.release()
  const connection = await locks.connections.connect()
  connection.release()
  const after = await collected()

  const pool = { 'db.client.connection.pool.name': 'orders' }
  expect(held.get('lockpool.lock.held')!.dataPoints).toMatchObject([{ value: 1, attributes: pool }])
  expect(held.get('db.client.connection.max')!.dataPoints).toMatchObject([{ value: 4, attributes: pool }])
  expect(held.get('db.client.connection.count')!.dataPoints).toMatchObject([
    { value: 0, attributes: { ...pool, 'db.client.connection.state': 'idle' } },
    { value: 1, attributes: { ...pool, 'db.client.connection.state': 'used' } },
  ])
  expect(after.get('lockpool.lock.released')!.dataPoints).toMatchObject([{ value: 1 }])
  const hold = after.get('lockpool.lock.hold.duration')!
  expect(hold.descriptor).toMatchObject({ unit: 's', type: 'HISTOGRAM' })
  expect(hold.dataPoints).toMatchObject([
    { value: { count: 1, sum: 0.25 }, attributes: { ...pool, 'lockpool.lock.mode': 'exclusive' } },
  ])
  const told = Object.values(METRICS).filter(({ name }) => after.has(name))
  expect(told, 'every metric').toEqual(Object.values(METRICS))

  stop()
  await (await locks.acquire('b')).release()
  const stopped = await collected()
  expect(stopped.get('lockpool.lock.hold.duration')?.dataPoints ?? []).toMatchObject([
    { value: { count: 1 } },
  ])
  expect(stopped.get('lockpool.lock.acquired')?.dataPoints ?? []).toMatchObject([{ value: 1 }])
  await shutdown()
})
