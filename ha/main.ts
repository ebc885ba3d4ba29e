import { writeFile } from 'node:fs/promises'
import { sharedNow } from '../chaos/history.js'
import { FAULTS } from './faults.js'
import { parseOptions, USAGE, type HaOptions } from './options.js'
import { PatroniCluster } from './patroni-cluster.js'
import { findPrograms, MissingPrograms } from './programs.js'
import { runRound, type RoundResult } from './round.js'
import { summary } from './summary.js'

async function main(options: HaOptions): Promise<void> {
  const { faults, strict, minutes, way, isSync, json } = options
  const programs = findPrograms(way)
  const write = (text: string): void => void process.stdout.write(text)
  const say = (what: string): void => {
    if (process.stdout.isTTY) write(`\r\x1b[K${what}`.slice(0, 100))
  }
  write(
    `ha: three nodes of Patroni${isSync ? ', synchronous' : ''}; ${strict.map((is) => (is ? 'strict' : 'plain')).join(' and ')} mode, by ${way === 'hosts' ? 'a list of hosts' : 'HAProxy'}\n`,
  )
  say('starting the cluster')
  const cluster = await PatroniCluster.start(programs, options, (made) => {
    // Stops everything that it has started, however it ends, even halfway.
    process.once('SIGINT', () => void made.stop().then(() => process.exit(130)))
    process.once('SIGTERM', () => void made.stop().then(() => process.exit(143)))
  })
  const rounds: RoundResult[] = []
  let failure: unknown = null
  try {
    const until = sharedNow() + minutes * 60_000
    for (let i = 0; i < faults.length || sharedNow() < until; i++) {
      const fault = faults[i % faults.length]!
      const results = await runRound(cluster, fault, options, say)
      rounds.push(...results)
      // Written after each round, so that an interrupted run keeps its results.
      if (json !== null)
        await writeFile(json, `${JSON.stringify({ version: 1, options, rounds }, null, 2)}\n`)
      for (const result of results)
        write(`${process.stdout.isTTY ? '\r\x1b[K' : ''}${summary(i + 1, FAULTS[fault].means, result)}\n`)
      // There is no cluster left for another round.
      const unfinished = results[0]?.unfinished ?? null
      if (unfinished !== null) throw new Error(unfinished)
    }
  } catch (error) {
    // The results of the rounds before are still useful.
    failure = error
  } finally {
    await cluster.stop()
  }
  const findings = rounds.reduce((sum, round) => sum + round.findings.length, 0)
  write(`\n${rounds.length} rounds, ${findings} findings\n`)
  if (failure !== null) throw failure
  process.exit(findings === 0 ? 0 : 1)
}

try {
  await main(parseOptions(process.argv.slice(2)))
} catch (error) {
  const isMisuse = error instanceof TypeError && 'code' in error
  if (isMisuse) process.stderr.write(`${error.message}\n${USAGE}\n`)
  else if (error instanceof MissingPrograms) process.stderr.write(`ha: ${error.message}\n`)
  else process.stderr.write(`${(error as Error).stack}\n`)
  process.exit(error instanceof MissingPrograms ? 69 : 1)
}
