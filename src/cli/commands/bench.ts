import { jsonLine } from '../../base/printable.js'
import type { Figures } from '../bench/figures.js'
import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS } from '../connection.js'
import { DURATION_IN_WORDS, parseDuration } from '../durations.js'
import { EXIT, exitRows } from '../exit-codes.js'
import { countFlag, toggle, type Flag } from '../flags.js'
import { withServer } from '../server.js'
import { COLOR_ENVIRONMENT, type Terminal } from '../terminal.js'
import { UsageError } from '../usage-error.js'

type BenchFlags = Pick<typeof CONNECTION_FLAGS, 'url'> &
  Readonly<Record<'time' | 'callers', Flag<number>>> &
  Readonly<Record<'json', Flag<true>>>

const DEFAULT_MS = 1000
const DEFAULT_CALLERS = 1000

const FLAGS: BenchFlags = {
  url: CONNECTION_FLAGS.url,
  time: {
    short: 't',
    value: 'DURATION',
    meaning: 'how long each of the seven measurements takes',
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
  json: toggle({ meaning: 'print one JSON object at the end' }),
}

export const command: Command<BenchFlags> = {
  usage: '[FLAGS]',
  description: [
    'Measures the cost of locks on this server, from this machine: the round trip, the delay of a notification, the time to acquire a lock and to hand it to another process, and the locks per second of one caller and of many.',
    'It loads the server while it runs, with keys that no other program uses and at most 8 connections. It writes nothing, but draws fencing tokens if the database has them.',
    'The bars of latencies have one scale, those of rates another. Results on a shared machine differ from run to run.',
  ],
  flags: FLAGS,
  environment: [...CONNECTION_ENVIRONMENT, ...COLOR_ENVIRONMENT],
  examples: [
    ['lockpool bench', 'before you decide'],
    ['lockpool bench -t 10s -c 200', 'longer, with the number of callers that you expect'],
    ['lockpool dev -- lockpool bench', 'with a temporary server on this machine'],
  ],
  exitCodes: exitRows('ok', 'usage', 'unavailable', 'config', 'internal'),
  run({ flags, args, rest, terminal }) {
    if (args.length > 0 || rest !== null) throw new UsageError('lockpool bench takes no arguments')
    const order = { ms: flags.time ?? DEFAULT_MS, callers: flags.callers ?? DEFAULT_CALLERS }
    const address = { url: flags.url, applicationName: 'lockpool bench' }
    return withServer(address, terminal, async (connection, config) => {
      const { DOCTOR_FACTS } = await import('../doctor/doctor-sql.js')
      const { lookOnce } = await import('../../dialect/postgres/inspect/read-in-transaction.js')
      const { product, may_draw_tokens: hasTokens } = await lookOnce<{
        product: string
        may_draw_tokens: boolean
      }>(connection, DOCTOR_FACTS)
      const server = product.split(' on ')[0]!
      const isJson = flags.json === true
      const { Bench } = await import('../bench/run-bench.js')
      const figures = await new Bench({ ...order, config, hasTokens }, (what) => {
        if (!isJson && terminal.err.isTerminal) terminal.err.write(`\r\u001b[Kmeasuring: ${what}`)
      }).run()
      if (!isJson && terminal.err.isTerminal) terminal.err.write('\r\u001b[K')
      if (isJson) terminal.out.write(`${jsonLine({ version: 1, server, hasTokens, ...order, ...figures })}\n`)
      else await print(server, hasTokens, figures, terminal)
      return EXIT.ok
    })
  },
}

async function print(server: string, hasTokens: boolean, figures: Figures, { out }: Terminal): Promise<void> {
  const { figureLines } = await import('../bench/figures.js')
  const head = `${server}, ${hasTokens ? 'with' : 'without'} fencing tokens`
  out.write(`${[out.paint('bold', head), '', ...figureLines(figures)].join('\n')}\n`)
}
