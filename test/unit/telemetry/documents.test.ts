import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { METRICS } from '../../../src/telemetry/metric.js'
import { prometheusName } from '../../../src/telemetry/prometheus-metrics.js'
import { read, ROOT, tableRows } from '../../support/repository.js'

const ALL = Object.values(METRICS)

test('the guide lists every metric, with its kind and its meaning, and no other', () => {
  const rows = tableRows(read('docs/guides/telemetry.md'))
    .filter(([, kind]) => kind === 'gauge' || kind === 'counter' || kind === 'histogram')
    .map(([name, kind, description]) => `${name!.replaceAll('`', '')}: ${kind}, ${description}`)
  const metrics = ALL.map(({ name, kind, description }) => `${name}: ${kind}, ${description}`)
  expect(rows.toSorted()).toEqual(metrics.toSorted())
})

test('the dashboard shows every metric, and none that does not exist', () => {
  const text = readFileSync(join(ROOT, 'docs/guides/grafana-dashboard.json'), 'utf8')
  const { panels } = JSON.parse(text) as { panels: { targets: { expr: string }[] }[] }
  const shown = new Set(
    panels.flatMap(({ targets }) =>
      targets.flatMap(({ expr }) =>
        [...expr.matchAll(/\b((?:lockpool|db_client)_[a-z_]+)\{/g)].map(([, name]) =>
          name!.replace(/_bucket$/, ''),
        ),
      ),
    ),
  )
  expect([...shown].toSorted()).toEqual(ALL.map(prometheusName).toSorted())
})
