import type pg from 'pg'
import { alone, compared, type Bench, type Group, type Row } from '../row.js'
import { serverCpu } from '../server-cpu.js'
import { connectTo } from '../server.js'
import { WorkerProcess } from '../worker.js'
import type { FrontAnswer, WirePairsAnswer, WirePairsQuestion } from '../workers/front-terms.js'

/** The number of clients, and the target ratio of `lockpool serve` to sessions directly at the server. */
const CROWDS = [
  { clients: 1, who: 'one client', ratio: 0.4 },
  { clients: 100, who: '100 clients', ratio: 2 },
  { clients: 1000, who: '1,000 clients', ratio: 5 },
] as const

/** The target for the processor time of the front per pair. */
const FRONT_MICROSECONDS = 60

/** The target for the processor time of the server, relative to direct clients. */
const SERVER_PART = 1 / 20

type Crowd = (typeof CROWDS)[number]
type FrontProcess = WorkerProcess<Record<string, never>, FrontAnswer>
type Clients = WorkerProcess<WirePairsQuestion, WirePairsAnswer>

/**
 * Clients that lock and unlock through a front, compared with the same clients directly at the server, and with a
 * server that sends fixed bytes: no front in Node.js can be faster than that one.
 */
export const serve: Group = {
  name: 'serve',
  isOnlyWhenNamed: true,
  serverSettings: { max_connections: 1100, max_locks_per_transaction: 256 },
  run,
}

async function run(bench: Bench): Promise<readonly Row[]> {
  await using front: FrontProcess = new WorkerProcess('front', [bench.url])
  await using fixed: FrontProcess = new WorkerProcess('fixed-answers', [])
  const server = await connectTo(bench.url)
  const rows: Row[] = []
  for (const crowd of CROWDS) rows.push(...(await new Contest(bench, front, fixed, server, crowd).rows()))
  await server.end()
  return rows
}

/** The address of the server, with the port of a front before it. */
async function addressOf(front: FrontProcess, server: string): Promise<string> {
  const { port } = await front.ask({})
  const address = new URL(server)
  address.port = String(port)
  address.hostname = '127.0.0.1'
  return address.href
}

/** The figures of one side, one per round. Processor times are per pair. */
interface Side {
  readonly pairsPerSecond: number[]
  readonly clientCpu: number[]
  readonly serverCpu: number[]
}

const side = (): Side => ({ pairsPerSecond: [], clientCpu: [], serverCpu: [] })

class Contest {
  readonly #ours = side()
  readonly #straight = side()
  readonly #fixed = side()
  readonly #frontCpu: number[] = []
  readonly #fixedCpu: number[] = []

  readonly #bench: Bench
  readonly #front: FrontProcess
  readonly #fixedAnswers: FrontProcess
  readonly #server: pg.Client
  readonly #crowd: Crowd

  constructor(bench: Bench, front: FrontProcess, fixed: FrontProcess, server: pg.Client, crowd: Crowd) {
    this.#bench = bench
    this.#front = front
    this.#fixedAnswers = fixed
    this.#server = server
    this.#crowd = crowd
  }

  async rows(): Promise<Row[]> {
    const [bench, crowd] = [this.#bench, this.#crowd]
    await using fronted = await this.#clients(await addressOf(this.#front, bench.url))
    await using direct = await this.#clients(bench.url)
    await using bare = await this.#clients(await addressOf(this.#fixedAnswers, bench.url))
    for (let round = 0; round < bench.rounds; round++) {
      bench.say(`${crowd.who}, round ${round + 1}`)
      await this.#measure(direct, this.#straight)
      this.#frontCpu.push(await this.#measureFront(this.#front, fronted, this.#ours))
      this.#fixedCpu.push(await this.#measureFront(this.#fixedAnswers, bare, this.#fixed))
    }
    return this.#table()
  }

  async #clients(address: string): Promise<Clients> {
    const clients: Clients = new WorkerProcess('wire-pairs', [address, String(this.#crowd.clients)])
    // A worker answers its first question only after all its clients have connected.
    await clients.ask({ seconds: 0.1 })
    return clients
  }

  /** Returns the processor time of the front for a pair, in microseconds. */
  async #measureFront(front: FrontProcess, clients: Clients, side: Side): Promise<number> {
    const before = await front.ask({})
    const pairs = await this.#measure(clients, side)
    const after = await front.ask({})
    return (after.cpuMicroseconds - before.cpuMicroseconds) / pairs
  }

  async #measure(clients: Clients, side: Side): Promise<number> {
    const before = await serverCpu(this.#server)
    const { pairsPerSecond, pairs, cpuMicroseconds } = await clients.ask({ seconds: this.#bench.seconds })
    const after = await serverCpu(this.#server)
    side.pairsPerSecond.push(pairsPerSecond)
    side.clientCpu.push(cpuMicroseconds / pairs)
    if (before !== null && after !== null) side.serverCpu.push((after - before) / pairs)
    return pairs
  }

  #table(): Row[] {
    const { who, clients, ratio } = this.#crowd
    const [ours, straight] = [this.#ours, this.#straight]
    const isJudged = clients === 100
    const name = 'straight at the server'
    const rows = [
      compared({
        what: `lockpool serve, ${who}: lock and unlock`,
        unit: 'pairs/s',
        ours: ours.pairsPerSecond,
        reference: { name, figures: straight.pairsPerSecond },
        target: { of: 'ratio', is: 'at least', limit: ratio },
      }),
      alone({
        what: `lockpool serve, ${who}: the front's own processor time`,
        unit: 'us a pair',
        ours: this.#frontCpu,
        ...(isJudged ? { target: { of: 'ours', is: 'at most', limit: FRONT_MICROSECONDS } as const } : {}),
      }),
      compared({
        what: `lockpool serve, ${who}: processor time of the clients that measure it`,
        unit: 'us a pair',
        ours: ours.clientCpu,
        reference: { name, figures: straight.clientCpu },
      }),
    ]
    rows.push(
      compared({
        what: `a server that sends fixed bytes, ${who}`,
        unit: 'pairs/s',
        ours: this.#fixed.pairsPerSecond,
        reference: { name, figures: straight.pairsPerSecond },
      }),
      alone({
        what: `a server that sends fixed bytes, ${who}: its own processor time`,
        unit: 'us a pair',
        ours: this.#fixedCpu,
      }),
    )
    if (straight.serverCpu.length === 0) return rows
    const server = compared({
      what: `lockpool serve, ${who}: processor time of the server`,
      unit: 'us a pair',
      ours: ours.serverCpu,
      reference: { name, figures: straight.serverCpu },
      ...(isJudged ? { target: { of: 'ratio', is: 'at most', limit: SERVER_PART } as const } : {}),
    })
    return [...rows, server]
  }
}
