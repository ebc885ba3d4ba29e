import { writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { parseOptions, USAGE, type BenchOptions } from './options.js'
import { GROUPS } from './groups.js'
import type { Group, Row } from './row.js'
import { serverFacts } from './server.js'
import { table } from './table.js'
import { WorkerProcess } from './worker.js'
import type { GroupQuestion } from './workers/group.js'

/** Enough for two times 10,000 held locks, and for a connection per lock. */
const SERVER_SETTINGS = { max_connections: 200, max_locks_per_transaction: 1024 }

/** Returns the server that `--url` names, or starts one that lives as long as the benchmark. */
async function startServer(
  { url }: BenchOptions,
  groups: readonly Group[],
): Promise<{ url: string; stop: () => Promise<void> }> {
  if (url !== null) return { url, stop: () => Promise.resolve() }
  const { startEmbeddedPostgres } = await import('../src/embedded/index.js')
  const settings = Object.assign(
    { ...SERVER_SETTINGS },
    ...groups.map(({ serverSettings }) => serverSettings),
  )
  const server = await startEmbeddedPostgres({ settings, durable: true })
  return { url: server.url, stop: () => server.stop() }
}

/** Measures each group in a separate process: garbage and compiled code of one group would slow down the next. */
async function measure(names: readonly string[], url: string, options: BenchOptions): Promise<Row[]> {
  const { rounds, seconds } = options
  const rows: Row[] = []
  for (const name of names) {
    await using worker = new WorkerProcess<GroupQuestion, Row[]>('group', [])
    rows.push(...(await worker.ask({ name, url, rounds, seconds })))
  }
  return rows
}

/** The other facts that the figures depend on. If rounds differ, suspect the load of other programs first. */
function thisMachine(): { node: string; cores: number; cpu: string; load: number } {
  const processors = cpus()
  const cpu = processors[0]?.model.trim() ?? 'unknown'
  return { node: process.version, cores: processors.length, cpu, load: loadavg()[0]! }
}

async function main(options: BenchOptions): Promise<void> {
  const { only, rounds, seconds } = options
  const groups = GROUPS.filter(({ name, isOnlyWhenNamed = false }) =>
    only.length === 0 ? !isOnlyWhenNamed : only.includes(name),
  )
  const names = groups.map(({ name }) => name)
  const server = await startServer(options, groups)
  try {
    const facts = await serverFacts(server.url)
    const machine = thisMachine()
    const begunAt = new Date().toISOString()
    const rows = await measure(names, server.url, options)
    const { node, cores, cpu, load } = machine
    process.stdout.write(
      `\nPostgreSQL ${facts.version} (fsync ${facts.fsync}), Node ${node}, ${cores} x ${cpu}, load ${load.toFixed(2)} before\n` +
        `medians of ${rounds} rounds of ${seconds} s, lowest and highest round in brackets\n\n${table(rows)}\n`,
    )
    const results = { begunAt, machine, server: facts, rounds, seconds, rows }
    await writeFile(options.json, `${JSON.stringify(results, null, 2)}\n`)
    if (options.isStrict && rows.some((row) => !row.isMet)) process.exitCode = 1
  } finally {
    await server.stop()
  }
}

try {
  const names = GROUPS.map((group) => group.name)
  await main(parseOptions(process.argv.slice(2), names))
} catch (error) {
  const isMisuse = error instanceof TypeError && 'code' in error
  process.stderr.write(isMisuse ? `${error.message}\n${USAGE}\n` : `${(error as Error).stack}\n`)
  // Exits at once: what was being measured may still run.
  process.exit(1)
}
