import type { ClientConfig } from 'pg'
import { InvariantError } from '../../base/assert.js'
import { systemClock } from '../../base/clock.js'
import { Deferred } from '../../base/deferred.js'
import { ConnectionError } from '../../base/errors.js'
import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS, connectionSource, withSourceNames } from '../connection.js'
import { examine, explainRefusal, explainUnreachable } from '../doctor/checks.js'
import type { Check, CheckStatus } from '../doctor/verdict.js'
import { EXIT, exitRows } from '../exit-codes.js'
import { parseDuration } from '../durations.js'
import type { DoctorWishes } from '../doctor/gather.js'
import { examineServe, openFilesLimit } from '../doctor/serve-checks.js'
import { toggle, type Flag } from '../flags.js'
import { LOCK_POOL_OPTIONS } from '../../lock/lock-pool-options.js'
import { jsonLine, printable } from '../../base/printable.js'
import { isMysql, refuseInMysql } from '../mysql/address.js'
import { findEngine } from '../../dialect/postgres/distributed/engine.js'
import type { ServerConnection } from '../../dialect/postgres/connection/server-connection.js'
import { configOf, explainFailure, hangUp, openConnection } from '../server.js'
import { COLOR_ENVIRONMENT, type Paint, type Terminal } from '../terminal.js'
import { UsageError } from '../usage-error.js'
import { wrap } from '../wrap.js'

type DoctorFlags = Pick<typeof CONNECTION_FLAGS, 'url'> &
  Readonly<Record<'lease', Flag<number>>> &
  Readonly<Record<'patroni', Flag<string>>> &
  Readonly<Record<'serve' | 'json', Flag<true>>>

const FLAGS: DoctorFlags = {
  url: CONNECTION_FLAGS.url,
  lease: {
    value: 'DURATION',
    meaning:
      'leaseMs of the program that is going to lock: compared with the time until another primary may come',
    default: '15s',
    expects: 'a duration from 1s to 24h',
    read: (text) => {
      const leaseMs = parseDuration(text)
      return leaseMs !== null && leaseMs >= 1000 ? leaseMs : null
    },
  },
  patroni: {
    value: 'URL',
    meaning: 'the REST interface of a node of Patroni, which reports ttl, loop_wait and its version',
    default: 'not asked',
    expects: 'an address that begins with http:// or https://',
    read: (text) => (/^https?:\/\/[^/]/.test(text) && URL.canParse(text) ? text : null),
  },
  serve: toggle({ meaning: 'also check what lockpool serve needs' }),
  json: toggle({ meaning: 'print one JSON object' }),
}

const FAILED = 1

/** Longer than its own waits for a lock and a notification. */
const ANSWER_LIMIT_MS = 20_000

export const command: Command<DoctorFlags> = {
  usage: '[FLAGS]',
  description: [
    'Checks that a database is suitable for locks: the server, poolers in between, rights, limits, settings, and the network delay. Each check says whether all is well, and if not, what to do.',
    'It acquires and releases a lock, as a program would. It changes nothing.',
  ],
  flags: FLAGS,
  environment: [...CONNECTION_ENVIRONMENT, ...COLOR_ENVIRONMENT],
  examples: [
    ['lockpool doctor', 'before the first deployment, and if something is wrong'],
    [
      'lockpool doctor --lease 60s --patroni http://node1:8008',
      'whether a lease is short enough for a cluster of Patroni',
    ],
    ['lockpool doctor --json', 'in a pipeline: the exit code says whether a check failed'],
  ],
  exitCodes: [
    ['0', 'locks work; there may be warnings'],
    [String(FAILED), 'a check failed: locks do not work yet'],
    ...exitRows('usage', 'config', 'internal'),
  ],
  async run({ flags, args, rest, terminal }) {
    if (args.length > 0 || rest !== null) throw new UsageError('lockpool doctor takes no arguments')
    refuseInMysql(flags.url, flags, 'serve', 'patroni')
    const wishes = {
      leaseMs: flags.lease ?? LOCK_POOL_OPTIONS.leaseMs.default,
      patroni: flags.patroni ?? null,
      isForServe: flags.serve === true,
    }
    const checks = await checksOf(flags.url, wishes, terminal)
    if (typeof checks === 'number') return checks
    const isWell = checks.every(({ status }) => status !== 'failure')
    if (flags.json === true) terminal.out.write(`${jsonLine({ version: 1, ok: isWell, checks })}\n`)
    else terminal.out.write(`${linesOf(checks, terminal).join('\n')}\n`)
    return isWell ? EXIT.ok : FAILED
  },
}

type Wishes = DoctorWishes & { readonly isForServe: boolean }

/** The checks, or the exit code if the address is wrong; then a line about it has been printed. */
async function checksOf(
  url: string | undefined,
  wishes: Wishes,
  terminal: Terminal,
): Promise<Check[] | number> {
  if (isMysql(url)) {
    const { examineMysql } = await import('../mysql/doctor.js')
    return examineMysql({ url, source: sourceInWords(url), leaseMs: wishes.leaseMs }).catch(
      (error: unknown) => explainFailure(error, terminal),
    )
  }
  const config = await configOf({ url, applicationName: 'lockpool doctor' }, terminal)
  return typeof config === 'number' ? config : look(config, sourceInWords(url), wishes)
}

async function look(config: ClientConfig, source: string, wishes: Wishes): Promise<Check[]> {
  const { explain } = await import('../../dialect/postgres/connection/server-errors.js')
  const { gatherFacts, tryToLock } = await import('../doctor/gather.js')
  const { examineEngine } = await import('../doctor/engine-checks.js')
  const messageOf = (error: unknown): string => {
    // The user should see the stack of a bug.
    if (error instanceof TypeError || error instanceof InvariantError) throw error
    return withSourceNames(explain(error).message)
  }
  let connection: ServerConnection
  try {
    connection = await openConnection(config)
  } catch (error) {
    return [explainUnreachable(codeOf(error), messageOf(error), source)]
  }
  const stalled = new Deferred<never>()
  const cancel = systemClock.after(ANSWER_LIMIT_MS, () =>
    stalled.reject(new ConnectionError(`the server has not answered for ${ANSWER_LIMIT_MS / 1000} s`)),
  )
  try {
    const engine = await Promise.race([findEngine(connection), stalled.promise])
    if (engine === 'distributed')
      return await Promise.race([examineEngine(connection, source, wishes.isForServe), stalled.promise])
    const facts = await Promise.race([gatherFacts(connection, config, source, wishes), stalled.promise])
    return [...examine(facts), ...(wishes.isForServe ? examineServe(facts, openFilesLimit()) : [])]
  } catch (error) {
    // One statement that is refused says nothing about locks.
    return explainRefusal(messageOf(error), source, { lockSession: await tryToLock(config) })
  } finally {
    cancel()
    await hangUp(connection)
  }
}

function sourceInWords(url: string | undefined): string {
  const source = connectionSource(url, process.env)?.source
  if (source !== undefined) return source
  return process.env['DATABASE_URL'] === undefined ? 'the PG* variables' : 'DATABASE_URL'
}

/** Narrower lines are not better than those that the terminal breaks. */
const NARROWEST = 30

const MARKS: Readonly<Record<CheckStatus, readonly [mark: string, paint: Paint]>> = {
  ok: ['✓', 'green'],
  warning: ['!', 'yellow'],
  failure: ['✗', 'red'],
}

function linesOf(checks: readonly Check[], { out, width }: Terminal): string[] {
  const widest = Math.max(...checks.map(({ name }) => name.length))
  const margin = ' '.repeat(widest + 4)
  const room = Math.max(width() - margin.length, NARROWEST)
  const lines = checks.flatMap(({ name, status, text, advice }) => {
    const [mark, paint] = MARKS[status]
    const [first = '', ...more] = wrap(printable(text), room)
    return [
      `${out.paint(paint, mark)} ${name.padEnd(widest)}  ${first}`,
      ...more.map((line) => margin + line),
      ...(advice === null ? [] : wrap(advice, room).map((line) => margin + out.paint('dim', line))),
    ]
  })
  return [...lines, '', summary(checks)]
}

function summary(checks: readonly Check[]): string {
  const count = (wanted: CheckStatus): number => checks.filter(({ status }) => status === wanted).length
  const [failures, warnings] = [count('failure'), count('warning')]
  if (failures > 0) return `${failures} of ${checks.length} checks failed: locks do not work here yet`
  if (checks.some(({ name, status }) => name === 'locks' && status === 'warning'))
    return `no lock was tried; ${warnings} of ${checks.length} checks have warnings`
  return warnings === 0 ? 'all is well' : `locks work; ${warnings} of ${checks.length} checks have warnings`
}

/** The code of the system or the server, also if `explain` has wrapped the error. */
function codeOf(error: unknown): string | undefined {
  const { code, cause } = error as { code?: string; cause?: { code?: string } }
  return error instanceof ConnectionError ? (cause?.code ?? code) : code
}
