import { alone, compared, type Bench, type Group, type Row } from '../row.js'
import { WorkerProcess } from '../worker.js'
import type { FrontAnswer, WirePairsAnswer, WirePairsQuestion } from '../workers/front-terms.js'

const CLIENTS = [1, 100] as const

/** What a client of `lockpool serve` has to reach of a session straight at the server. */
const TARGETS: Readonly<Record<(typeof CLIENTS)[number], number>> = { 1: 0.4, 100: 2 }

const MICROSECONDS_A_PAIR = 60

type Clients = WorkerProcess<WirePairsQuestion, WirePairsAnswer>

/** Clients that lock and unlock through a front, against the same clients straight at the server. */
export const serve: Group = { name: 'serve', isOnlyWhenNamed: true, run }

async function run(bench: Bench): Promise<readonly Row[]> {
  await using front = new WorkerProcess<Record<string, never>, FrontAnswer>('front', [bench.url])
  const { port } = await front.ask({})
  const through = new URL(bench.url)
  through.port = String(port)
  through.hostname = '127.0.0.1'
  const rows: Row[] = []
  for (const clients of CLIENTS) rows.push(...(await measure(bench, front, through.href, clients)))
  return rows
}

async function measure(
  { url, rounds, seconds, say }: Bench,
  front: WorkerProcess<Record<string, never>, FrontAnswer>,
  through: string,
  clients: (typeof CLIENTS)[number],
): Promise<Row[]> {
  const [ours, straight, cpu]: [number[], number[], number[]] = [[], [], []]
  await using fronted: Clients = new WorkerProcess('wire-pairs', [through, String(clients)])
  await using direct: Clients = new WorkerProcess('wire-pairs', [url, String(clients)])
  for (let round = 0; round < rounds; round++) {
    say(`${clients} clients, round ${round + 1}`)
    straight.push((await direct.ask({ seconds })).pairsPerSecond)
    const before = await front.ask({})
    const { pairsPerSecond } = await fronted.ask({ seconds })
    const after = await front.ask({})
    ours.push(pairsPerSecond)
    cpu.push((after.cpuMicroseconds - before.cpuMicroseconds) / (pairsPerSecond * seconds))
  }
  const who = clients === 1 ? 'one client' : `${clients} clients`
  return [
    compared({
      what: `lockpool serve, ${who}: lock and unlock`,
      unit: 'pairs/s',
      ours,
      reference: { name: 'straight at the server', figures: straight },
      target: { of: 'ratio', is: 'at least', limit: TARGETS[clients] },
    }),
    alone({
      what: `lockpool serve, ${who}: the front's own processor time`,
      unit: 'us a pair',
      ours: cpu,
      ...(clients === 1
        ? {}
        : { target: { of: 'ours', is: 'at most', limit: MICROSECONDS_A_PAIR } as const }),
    }),
  ]
}
