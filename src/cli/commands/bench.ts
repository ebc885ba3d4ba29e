import type { ClientConfig } from 'pg'
import { jsonLine } from '../../base/printable.js'
import type { ServerConnection } from '../../dialect/postgres/connection/server-connection.js'
import type { Figures } from '../bench/figures.js'
import type { BenchOrder } from '../bench/run-bench.js'
import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS } from '../connection.js'
import { DURATION_IN_WORDS, parseDuration } from '../durations.js'
import { EXIT, exitRows } from '../exit-codes.js'
import { choiceFlag, countFlag, toggle, type Flag } from '../flags.js'
import { isMysql } from '../mysql/address.js'
import { withServer } from '../server.js'
import { COLOR_ENVIRONMENT, type Terminal } from '../terminal.js'
import { UsageError } from '../usage-error.js'

type BenchFlags = Pick<typeof CONNECTION_FLAGS, 'url'> &
  Readonly<Record<'time' | 'callers', Flag<number>>> &
  Readonly<Record<'backend', Flag<'named' | 'table'>>> &
  Readonly<Record<'json', Flag<true>>>

const DEFAULT_MS = 1000
const DEFAULT_CALLERS = 1000

const FLAGS: BenchFlags = {
  url: CONNECTION_FLAGS.url,
  time: {
    short: 't',
    value: 'DURATION',
    meaning: 'how long each of the measurements takes',
    default: '1s',
    expects: `${DURATION_IN_WORDS}, and more than 0`,
    read: (text) => {
      const ms = parseDuration(text)
      return ms === 0 ? null : ms
    },
  },
  callers: countFlag(
    { short: 'c', meaning: 'how many concurrent callers', default: String(DEFAULT_CALLERS) },
    1,
    50_000,
  ),
  backend: choiceFlag('BACKEND', ['named', 'table'], {
    meaning: 'in MariaDB and MySQL: how the locks are kept that are measured',
    default: 'named',
  }),
  json: toggle({ meaning: 'print one JSON object at the end' }),
}

export const command: Command<BenchFlags> = {
  usage: '[FLAGS]',
  description: [
    'Measures the cost of locks on this server, from this machine: the round trip, the delay of a notification, the time to acquire a lock and to hand it to another process, and the locks per second of one caller and of many.',
    'It loads the server while it runs, with keys that no other program uses and at most 8 connections. It writes nothing, but draws fencing tokens if the database has them.',
    'In MariaDB and MySQL it measures named locks, with the time until KILL QUERY wakes a session; or, with --backend table, locks in rows, which pools poll for. At the end it removes the rows that it has made.',
    'The bars of latencies have one scale, those of rates another. Results on a shared machine differ from run to run.',
  ],
  flags: FLAGS,
  environment: [...CONNECTION_ENVIRONMENT, ...COLOR_ENVIRONMENT],
  examples: [
    ['lockpool bench', 'before you decide'],
    ['lockpool bench -t 10s -c 200', 'longer, with the number of callers that you expect'],
    ['lockpool bench --url mysql://app@db/shop --backend table', 'locks in rows of InnoDB'],
    ['lockpool dev -- lockpool bench', 'with a temporary server on this machine'],
  ],
  exitCodes: exitRows('ok', 'usage', 'unavailable', 'config', 'internal'),
  async run({ flags, args, rest, terminal }) {
    if (args.length > 0 || rest !== null) throw new UsageError('lockpool bench takes no arguments')
    const order = { ms: flags.time ?? DEFAULT_MS, callers: flags.callers ?? DEFAULT_CALLERS }
    const isJson = flags.json === true
    const showsProgress = !isJson && terminal.err.isTerminal
    const say = (what: string): void => {
      if (showsProgress) terminal.err.write(`\r\u001b[Kmeasuring: ${what}`)
    }
    const { url, backend } = flags
    const finish = async ({ server, hasTokens, figures }: Measured): Promise<number> => {
      if (showsProgress) terminal.err.write('\r\u001b[K')
      if (isJson) terminal.out.write(`${jsonLine({ version: 1, server, hasTokens, ...order, ...figures })}\n`)
      else await print(server, hasTokens, figures, terminal)
      return EXIT.ok
    }
    if (isMysql(url)) {
      const { benchMysql } = await import('../mysql/bench.js')
      const measured = await benchMysql({ url, backend: backend ?? 'named' }, order, say, terminal)
      return typeof measured === 'number' ? measured : finish(measured)
    }
    if (backend !== undefined) throw new UsageError('--backend is for MariaDB and MySQL')
    return withServer({ url, applicationName: 'lockpool bench' }, terminal, async (connection, config) =>
      finish(await measurePostgres(connection, config, order, say)),
    )
  },
}

interface Measured {
  readonly server: string
  readonly hasTokens: boolean
  readonly figures: Figures
}

async function measurePostgres(
  connection: ServerConnection,
  config: ClientConfig,
  order: BenchOrder,
  say: (what: string) => void,
): Promise<Measured> {
  const { DOCTOR_FACTS } = await import('../doctor/doctor-sql.js')
  const { lookOnce } = await import('../../dialect/postgres/inspect/read-in-transaction.js')
  const { product, may_draw_tokens: hasTokens } = await lookOnce<{
    product: string
    may_draw_tokens: boolean
  }>(connection, DOCTOR_FACTS)
  const { Bench } = await import('../bench/run-bench.js')
  const { postgresBench } = await import('../bench/postgres-bench.js')
  const figures = await new Bench(postgresBench(config, hasTokens), order, say).run()
  return { server: product.split(' on ')[0]!, hasTokens, figures }
}

async function print(server: string, hasTokens: boolean, figures: Figures, { out }: Terminal): Promise<void> {
  const { figureLines } = await import('../bench/figures.js')
  const head = `${server}, ${hasTokens ? 'with' : 'without'} fencing tokens`
  out.write(`${[out.paint('bold', head), '', ...figureLines(figures)].join('\n')}\n`)
}
