import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { Progress } from '../progress.js'
import { serverFacts } from '../server.js'
import type { Servers } from './contender.js'
import { entrantsFor } from './entrants.js'
import { measureCrowds } from './measures/crowds.js'
import { measureHolding } from './measures/holding.js'
import { measurePassing } from './measures/passing.js'
import { draw, type Picture } from './plot.js'
import { words, type Findings } from './words.js'

const USAGE = `usage: npm run bench:report -- [--redis URL] [--folder DIR]

Compares lockpool with other ways to lock, on a PostgreSQL that it starts. Writes tables and pictures.

  --redis URL   the Redis to compare with (default redis://127.0.0.1:6379); without one it is left out
  --folder DIR  where the report goes (default docs/benchmarks)`

/** Enough for entrants with a connection per lock, and for ten thousand locks. */
const SERVER_SETTINGS = { max_connections: 200, max_locks_per_transaction: 1024 }

/** Returns the URL if a Redis answers there, otherwise null. */
async function answering(url: string): Promise<string | null> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.ping()
    return url
  } catch {
    return null
  } finally {
    client.disconnect()
  }
}

async function measure(servers: Servers): Promise<Findings> {
  const entrants = entrantsFor(servers)
  const progress = new Progress(process.stdout)
  const say = (what: string): void => progress.say(what)
  progress.begin('callers')
  const crowds = await measureCrowds(entrants, servers, say)
  progress.begin('locks held')
  const holding = await measureHolding(entrants, servers, say)
  progress.begin('processes')
  const passing = await measurePassing(entrants, servers, say)
  progress.end()
  return { entrants, crowds, holding, passing }
}

function pictures({ crowds, holding, passing }: Findings): Record<string, Picture> {
  return {
    throughput: {
      title: 'Locks acquired and released, each caller with its own key',
      x: 'callers',
      y: 'locks a second',
      points: crowds.throughput,
      isHighGood: true,
    },
    latency: {
      title: 'Time to acquire a free lock, 99th percentile',
      x: 'callers',
      y: 'milliseconds',
      points: crowds.p99,
      isHighGood: false,
    },
    connections: {
      title: 'Connections by number of held locks',
      x: 'locks held',
      y: 'connections',
      points: holding.connections,
      isHighGood: false,
    },
    'one-more': {
      title: 'Acquiring and releasing one more, by number of held locks',
      x: 'locks held',
      y: 'milliseconds',
      points: holding.oneMore,
      isHighGood: false,
    },
    waiting: {
      title: 'Wait for one key that all processes want, 99th percentile',
      x: 'processes',
      y: 'milliseconds',
      points: passing.p99,
      isHighGood: false,
    },
    requests: {
      title: 'Requests to the server for each grant of that key',
      x: 'processes',
      y: 'transactions, or requests to Redis',
      points: passing.requests,
      isHighGood: false,
    },
  }
}

async function main(redisUrl: string, folder: string): Promise<void> {
  const { startEmbeddedPostgres } = await import('../../src/embedded/index.js')
  const server = await startEmbeddedPostgres({ settings: SERVER_SETTINGS, durable: true })
  try {
    const servers = { postgres: server.url, redis: await answering(redisUrl) }
    const { version } = await serverFacts(server.url)
    const findings = await measure(servers)
    await mkdir(folder, { recursive: true })
    const names = findings.entrants.map(({ name }) => name)
    for (const [file, picture] of Object.entries(pictures(findings)))
      await writeFile(`${folder}/${file}.svg`, draw(picture, names))
    const processors = cpus()
    const machine = `${processors.length} x ${processors[0]?.model.trim() ?? 'unknown'}, Node ${process.version}, PostgreSQL ${version}`
    const text = words(findings, machine)
    await writeFile(`${folder}/README.md`, text)
    process.stdout.write(`${text}\nwritten to ${folder}\n`)
  } finally {
    await server.stop()
  }
}

try {
  const { values } = parseArgs({
    options: {
      redis: { type: 'string', default: 'redis://127.0.0.1:6379' },
      folder: { type: 'string', default: 'docs/benchmarks' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) process.stdout.write(`${USAGE}\n`)
  else await main(values.redis, values.folder)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
