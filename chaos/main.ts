import { writeFile } from 'node:fs/promises'
import { startEmbeddedPostgres } from '../src/embedded/index.js'
import { check, type Verdict } from './check.js'
import type { ChaosServer } from './chaos-server.js'
import { Evidence } from './evidence.js'
import { parseOptions, USAGE, type ChaosOptions, type Dialect } from './options.js'
import { PostgresServer } from './postgres-server.js'
import { runRound, type RoundOrder } from './round.js'
import { SCENARIOS } from './scenarios.js'
import { summary } from './summary.js'

const ROUND_MS = 60_000

interface Round extends Verdict {
  readonly seed: number
}

async function main(options: ChaosOptions): Promise<void> {
  const { minutes, isStrict, dialect, backend, hasFronts, workers, json, scenario } = options
  const write = (text: string): void => void process.stdout.write(text)
  if (scenario !== null) return runScenario(scenario, options.rounds, write)
  write(
    `chaos: ${minutes} rounds of a minute, ${workers} processes, ${isStrict ? 'strict' : 'plain'} mode, ${dialect} ${backend}${hasFronts ? ', with fronts' : ''}\n`,
  )
  const rounds: Round[] = []
  const server = await startServer(dialect)
  try {
    for (let seed = options.seed; seed < options.seed + minutes; seed++) {
      const say = (what: string): void => {
        if (process.stdout.isTTY) write(`\r\x1b[Kround ${seed}: ${what}`.slice(0, 100))
      }
      await using evidence = await Evidence.ofRound(seed)
      const { folder } = evidence
      const terms = { workers, isStrict, dialect, backend, hasFronts }
      const order: RoundOrder = { seed, ms: ROUND_MS, ...terms, folder, say }
      const history = await runRound(server, order)
      const verdict = check(history)
      rounds.push({ seed, ...verdict })
      if (options.keep !== null && verdict.findings.length > 0)
        await evidence.keep(options.keep, history, verdict.findings)
      write(`${process.stdout.isTTY ? '\r\x1b[K' : ''}${summary(seed, flagsOf(options), verdict)}\n`)
    }
  } finally {
    await server.stop()
  }
  const findings = rounds.reduce((sum, round) => sum + round.findings.length, 0)
  write(`\n${rounds.length} rounds, ${findings} findings\n`)
  if (json !== null)
    await writeFile(json, `${JSON.stringify({ version: 1, isStrict, dialect, backend, rounds }, null, 2)}\n`)
  // Data that is still in a proxy has no receiver any more.
  process.exit(findings === 0 ? 0 : 1)
}

/** Loads the parts for the other dialect only on demand, because its driver may not be installed. */
async function startServer(dialect: Dialect): Promise<ChaosServer> {
  if (dialect === 'postgres') return PostgresServer.start()
  const { MariaDbServer } = await import('./mysql/mariadb-server.js')
  return MariaDbServer.start()
}

/** The options, apart from the seed, that reproduce a round. */
function flagsOf({ dialect, backend, isStrict, hasFronts }: ChaosOptions): string {
  if (dialect === 'mysql') return `--dialect mysql --backend ${backend}`
  if (backend === 'table') return '--backend table'
  return [isStrict ? '--strict' : '', hasFronts ? '--serve' : ''].filter(Boolean).join(' ')
}

async function runScenario(name: string, rounds: number, write: (text: string) => void): Promise<void> {
  const findings = await SCENARIOS[name]!(startEmbeddedPostgres, rounds, (line) => write(`${line}\n`))
  write(`\n${rounds} rounds of ${name}, ${findings} findings\n`)
  process.exit(findings === 0 ? 0 : 1)
}

try {
  await main(parseOptions(process.argv.slice(2)))
} catch (error) {
  const isMisuse = error instanceof TypeError && 'code' in error
  process.stderr.write(isMisuse ? `${error.message}\n${USAGE}\n` : `${(error as Error).stack}\n`)
  // Exits at once: the started processes would keep this one alive, and be started again.
  process.exit(1)
}
