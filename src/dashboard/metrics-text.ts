import type { LockJson, StateJson } from './state-json.js'

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

type Series = readonly [labels: string, value: number]

/**
 * The state of a server's locks in Prometheus' text format, for alerts. These are gauges of the whole database, whatever
 * programs lock in it. The metrics of one pool are those of `lockpool/telemetry`.
 */
export function metricsText(state: Omit<StateJson, 'mayEnd' | 'csrf'>): string {
  const { server, locks, health } = state
  const waits = locks.flatMap(({ waiters }) => waiters.map(({ atLeastMs }) => atLeastMs))
  const lines = [
    gauge('lockpool_server_up', 'Whether the server could be inspected', [['', server === null ? 0 : 1]]),
    gauge('lockpool_server_locks', 'Locks that are held or waited for, by kind', byKind(locks)),
    gauge('lockpool_server_holders', 'Holders of locks', [
      ['', locks.reduce((sum, { holders }) => sum + holders.length, 0)],
    ]),
    gauge('lockpool_server_waiters', 'Sessions and processes that wait for a lock', [['', waits.length]]),
    gauge('lockpool_server_longest_wait_seconds', 'The longest wait for a lock at this moment', [
      ['', Math.max(0, ...waits) / 1000],
    ]),
    gauge(
      'lockpool_server_findings',
      'Findings by severity, as lockpool ls shows them',
      (['problem', 'warning'] as const).map((severity) => [
        `severity="${severity}"`,
        health.filter((finding) => finding.severity === severity).length,
      ]),
    ),
  ]
  if (server !== null) {
    const { lockTable, connections } = server
    lines.push(
      gauge('lockpool_server_lock_table_used', 'Entries of the lock table in use', [['', lockTable.used]]),
      ...(lockTable.capacity === null
        ? []
        : [
            gauge('lockpool_server_lock_table_capacity', 'Entries that the lock table has room for', [
              ['', lockTable.capacity],
            ]),
          ]),
      gauge('lockpool_server_connections_used', 'Connections of the server in use', [['', connections.used]]),
      gauge('lockpool_server_connections_max', 'Connections that the server allows', [['', connections.max]]),
    )
  }
  return lines.join('')
}

const KINDS = ['advisory', 'semaphore', 'row', 'table', 'transaction', 'other'] as const

/** Every kind, also those of which there is none: a series that comes and goes is hard to alert on. */
function byKind(locks: readonly LockJson[]): Series[] {
  return KINDS.map((kind) => [`kind="${kind}"`, locks.filter((lock) => lock.kind === kind).length])
}

function gauge(name: string, help: string, series: readonly Series[]): string {
  const lines = series.map(([labels, value]) => `${name}${labels === '' ? '' : `{${labels}}`} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join('')}`
}
