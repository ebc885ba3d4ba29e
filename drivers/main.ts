/**
 * `npm run drivers`: runs unchanged programs in other languages twice, once against PostgreSQL and once against
 * `lockpool serve` in front of it. Both runs must print the same and hold the same locks.
 *
 *   --only NAME        runs only the programs whose name contains NAME
 *   --through-bouncer  the front sends statements that are not about locks through PgBouncer in transaction mode
 *   --verbose          also prints the output of each program
 *   --twins N          instead of programs: sends N random scripts of messages to both, and compares the answers
 *   --seed N           the seed of the first script, 1 by default
 */
import { parseArgs } from 'node:util'
import { PgBouncer } from '../test/support/pgbouncer.js'
import { compare, type Comparison } from './compare.js'
import { NOT_RUN, PROGRAMS, type Program } from './programs.js'
import { sixPrograms } from './six-programs.js'
import { startFront, startServer, type Server } from './target.js'
import { inWords, runTwins } from './twins/twins.js'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    'through-bouncer': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    twins: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
})

const write = (text: string): void => void process.stdout.write(`${text}\n`)

const isAsked = ({ name }: { readonly name: string }): boolean =>
  name.toLowerCase().includes(values.only.toLowerCase())

async function main(): Promise<number> {
  await using server = await startServer()
  if (values.twins !== undefined) return await playTwins(server, Number(values.seed), Number(values.twins))
  const failed =
    (await compareAll(server)) + (isAsked({ name: 'six programs' }) ? await playScenes(server) : 0)
  write(failed === 0 ? '\nno difference' : `\n${failed} with differences`)
  return failed
}

async function compareAll(server: Server): Promise<number> {
  await using bouncer = values['through-bouncer']
    ? await PgBouncer.to(server.url, { pool_mode: 'transaction', default_pool_size: 5 })
    : null
  await using front = await startFront(server, bouncer?.url ?? 'pass')
  let failed = 0
  for (const program of PROGRAMS.filter(isAsked)) {
    const missing = program.missing()
    if (missing === null) {
      const comparison = await compare(program, server, front)
      report(comparison)
      if (comparison.differences.length > 0) failed++
    } else write(`skip  ${program.name}: needs ${missing}`)
  }
  for (const [name, reason] of NOT_RUN.filter(([name]) => isAsked({ name })))
    write(`skip  ${name}: ${reason}`)
  return failed
}

function report({ program, straight, front, differences }: Comparison): void {
  const facts = `${straight.lines.length} lines, locks looked at ${straight.locks.length} times`
  write(`${differences.length === 0 ? 'same ' : 'OTHER'} ${program.name}: ${facts}`)
  for (const difference of differences.slice(0, 20)) write(`    ${difference}`)
  if (values.verbose) write(front.lines.map((line) => `    | ${line}`).join('\n'))
}

async function playTwins(server: Server, from: number, count: number): Promise<number> {
  await using front = await startFront(server, 'pass')
  const ports = { server: server.port, front: front.port, admin: server.admin }
  let failed = 0
  for (let seed = from; seed < from + count; seed++) {
    const difference = await runTwins(seed, ports)
    if (difference === null) continue
    failed++
    write(inWords(difference))
  }
  write(`\n${count} scripts, ${failed} with differences`)
  return failed
}

async function playScenes(server: Server): Promise<number> {
  const scenes = await sixPrograms(server, pythonOf(PROGRAMS[0]!))
  if (scenes === null) {
    write('skip  six programs: needs pgbouncer python3-psycopg2')
    return 0
  }
  write('\nsix programs, 40 times each: lock, read, write one more, unlock')
  for (const { name, counter, stuck, isRight } of scenes)
    write(
      `${isRight ? 'as expected' : 'NOT EXPECTED'}  ${name}: ${counter} of 240${stuck > 0 ? `, ${stuck} stuck` : ''}`,
    )
  return scenes.filter(({ isRight }) => !isRight).length
}

const pythonOf = (psycopg2: Program): string | null =>
  psycopg2.missing() === null ? psycopg2.command[0]! : null

process.exitCode = (await main()) === 0 ? 0 : 1
