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
    meaning: 'how long each of the seven things is measured',
    default: '1s',
    expects: `${DURATION_IN_WORDS}, and more than 0`,
    read: (text) => {
      const ms = parseDuration(text)
      return ms === 0 ? null : ms
    },
  },
  callers: countFlag(
    { short: 'c', meaning: 'how many callers the crowd has', default: String(DEFAULT_CALLERS) },
    1,
    50_000,
  ),
  json: toggle({ meaning: 'print one JSON object, at the end' }),
}

export const command: Command<BenchFlags> = {
  usage: '[FLAGS]',
  description: [
    'Measures what locks cost with this server, from this machine: the round trip, how long a notification takes, how fast a lock is had and handed from one process to another, and how many locks a second one caller and a crowd get.',
    'It keeps the server busy while it runs, with locks that exclude nobody else and at most 8 connections. Nothing is written, except tokens that are drawn where the database has them.',
    'Latencies have one scale, rates have another. Figures of a shared machine differ from run to run.',
  ],
  flags: FLAGS,
  environment: [...CONNECTION_ENVIRONMENT, ...COLOR_ENVIRONMENT],
  examples: [
    ['lockpool bench', 'before you decide anything'],
    ['lockpool bench -t 10s -c 200', 'for longer, with as many callers as you have'],
    ['lockpool dev -- lockpool bench', 'what a server on this machine would do'],
  ],
  exitCodes: exitRows('ok', 'usage', 'unavailable', 'config', 'internal'),
  run({ flags, args, rest, terminal }) {
    if (args.length > 0 || rest !== null) throw new UsageError('lockpool bench takes no arguments')
    const order = { ms: flags.time ?? DEFAULT_MS, callers: flags.callers ?? DEFAULT_CALLERS }
    const address = { url: flags.url, applicationName: 'lockpool bench' }
    return withServer(address, terminal, async (connection, config) => {
      const { DOCTOR_FACTS } = await import('../doctor/doctor-sql.js')
      const { lookOnce } = await import('../../dialect/postgres/careful-look.js')
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
      else await tell(server, hasTokens, figures, terminal)
      return EXIT.ok
    })
  },
}

async function tell(server: string, hasTokens: boolean, figures: Figures, { out }: Terminal): Promise<void> {
  const { figureLines } = await import('../bench/figures.js')
  const head = `${server}, ${hasTokens ? 'with' : 'without'} fencing tokens`
  out.write(`${[out.paint('bold', head), '', ...figureLines(figures)].join('\n')}\n`)
}
