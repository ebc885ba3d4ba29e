import type { Entrant } from './contender.js'
import type { Crowds } from './measures/crowds.js'
import type { Holding } from './measures/holding.js'
import type { Passing } from './measures/passing.js'
import type { Point } from './measures/point.js'

export interface Findings {
  readonly entrants: readonly Entrant[]
  readonly crowds: Crowds
  readonly holding: Holding
  readonly passing: Passing
}

/** Returns the report as a Markdown page, which shows the pictures next to it. */
export function words({ entrants, crowds, holding, passing }: Findings, machine: string): string {
  const names = entrants.map(({ name }) => name)
  const section = (
    title: string,
    picture: string,
    x: string,
    points: readonly Point[],
    digits: number,
  ): string => `## ${title}\n\n![${title}](${picture}.svg)\n\n${table(names, x, points, digits)}\n`
  return [
    '# Benchmarks\n',
    `Written by \`npm run bench:report\`, which measures all of these on one machine, in turn: ${machine}, with \`max_locks_per_transaction = 1024\`. ` +
      'The absolute figures depend on the machine; compare them with each other. An empty cell means that this way cannot do it.\n',
    entrants.map(({ name, setUp }) => `- **${name}**: ${setUp}`).join('\n'),
    '',
    section('Throughput by callers (locks a second)', 'throughput', 'callers', crowds.throughput, 0),
    section('Latency by callers (milliseconds, p99)', 'latency', 'callers', crowds.p99, 2),
    `The same, p50:\n\n${table(names, 'callers', crowds.p50, 2)}\n`,
    section('Connections by locks held', 'connections', 'locks held', holding.connections, 0),
    section('One more lock, by locks held (milliseconds, p50)', 'one-more', 'locks held', holding.oneMore, 2),
    section(
      'One key that all processes want: how long they wait (milliseconds, p99)',
      'waiting',
      'processes',
      passing.p99,
      1,
    ),
    'Each process holds the key for two milliseconds and wants it again at once. A process on Redis looks again after a pause, and mostly finds that the process which released the key has it again. In the rows of `pg.Pool` and `postgres` each waiter queues in the server with a blocking `pg_advisory_lock`, which occupies a connection.\n',
    section(
      'One key that all processes want: requests to the server per grant',
      'requests',
      'processes',
      passing.requests,
      1,
    ),
    'For PostgreSQL these are transactions, as the server counts them: a notification that wakes a process is one, and so is each attempt. For Redis these are requests. Opening and closing connections is not included, except where each lock needs a connection of its own.\n',
  ].join('\n')
}

function table(names: readonly string[], x: string, points: readonly Point[], digits: number): string {
  const columns = [...new Set(points.map((point) => point.x))].toSorted((a, b) => a - b)
  const format = new Intl.NumberFormat('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
  const head = `| ${x} | ${columns.map((column) => column.toLocaleString('en')).join(' | ')} |`
  const rule = `| --- |${' ---: |'.repeat(columns.length)}`
  const rows = names.map((name) => {
    const cells = columns.map((column) => {
      const point = points.find(({ entrant, x: at }) => entrant === name && at === column)
      return point === undefined ? '' : format.format(point.y)
    })
    return `| ${name} | ${cells.join(' | ')} |`
  })
  return [head, rule, ...rows].join('\n')
}
