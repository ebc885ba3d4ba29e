import { expect, test } from 'vitest'
import type { TargetSession } from '../../../../src/dialect/hosts/host-list.js'
import type { Host } from '../../../../src/dialect/hosts/host.js'
import { hostInWords } from '../../../../src/dialect/postgres/connection/host.js'
import { explain } from '../../../../src/dialect/postgres/connection/server-errors.js'
import { hostFailure } from '../../../../src/dialect/hosts/host-failure.js'
import {
  AGAIN_AFTER_MS,
  HostRace,
  NEXT_AFTER_MS,
  STANDBY_AGAIN_MS,
  type Found,
  type Role,
} from '../../../../src/dialect/hosts/host-race.js'
import { ManualClock } from '../../../../src/testing/manual-clock.js'

/** The answer of a server, and its delay in milliseconds. A server that is not listed stays silent. */
interface Server {
  readonly afterMs?: number
  /** When the server gives a first sign of life, before its answer. */
  readonly heardMs?: number
  readonly is: Role | Error
}

/** Servers by their addresses, and the names that resolve to these addresses. */
class FakeNetwork {
  readonly clock = new ManualClock()
  readonly stop = new AbortController()
  readonly asked: string[] = []
  readonly discarded: string[] = []
  readonly givenUp: string[] = []
  readonly servers: Record<string, Server>
  readonly names: Record<string, readonly string[]>

  constructor(servers: Record<string, Server>, names: Record<string, readonly string[]> = {}) {
    this.servers = servers
    this.names = names
  }

  race(hosts: readonly string[], target: TargetSession = 'primary'): HostRace<string> {
    const list = hosts.map((host): Host => ({ host, port: 5432 }))
    return new HostRace<string>(
      list,
      target,
      {
        clock: this.clock,
        needsAddress: ({ host }) => host in this.names,
        resolve: async ({ host }) => {
          const addresses = this.names[host]!
          if (addresses.length === 0)
            throw Object.assign(new Error(`no such name ${host}`), { code: 'ENOTFOUND' })
          return addresses
        },
        open: ({ host, address }, signal, heard) => this.#open(address ?? host.host, signal, heard),
        discard: (connection) => this.discarded.push(connection),
        isPassing: (error) => (error as Error).message.includes('starting up'),
      },
      this.stop.signal,
    )
  }

  #open(at: string, signal: AbortSignal, heard: () => void): Promise<Found<string>> {
    this.asked.push(`${at} at ${this.clock.now()}`)
    signal.addEventListener('abort', () => this.givenUp.push(at))
    const server = this.servers[at]
    return new Promise((resolve, reject) => {
      if (server === undefined) return
      const { is, afterMs = 0, heardMs } = server
      if (heardMs !== undefined) this.clock.after(heardMs, heard)
      const answer = (): void => {
        if (is instanceof Error) reject(is)
        else resolve({ connection: at, role: is })
      }
      if (afterMs === 0) answer()
      else this.clock.after(afterMs, answer)
    })
  }
}

const WORDS = { hostInWords, explain }

const REFUSED = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })

/** The result of a race, and the time of its end. */
async function outcome(
  network: FakeNetwork,
  race: HostRace<string>,
  ms = 20_000,
): Promise<{ at: number; winner?: string; error?: unknown } | 'open'> {
  let end: { at: number; winner?: string; error?: unknown } | 'open' = 'open'
  race.winner.then(
    ({ connection }) => (end = { at: network.clock.now(), winner: connection }),
    (error: unknown) => (end = { at: network.clock.now(), error }),
  )
  await network.clock.run(ms)
  return end
}

test('the first host wins if it is the primary, and no other is asked', async () => {
  const network = new FakeNetwork({ a: { is: 'primary', afterMs: 20 }, b: { is: 'standby' } })
  expect(await outcome(network, network.race(['a', 'b']))).toEqual({ at: 20, winner: 'a' })
  expect(network.asked).toEqual(['a at 0'])
  expect(network.clock.armed).toBe(0)
})

test('hosts that refuse or are standbys are passed over without a pause', async () => {
  const network = new FakeNetwork({
    a: { is: REFUSED },
    b: { is: 'standby', afterMs: 5 },
    c: { is: 'primary', afterMs: 5 },
  })
  expect(await outcome(network, network.race(['a', 'b', 'c']))).toEqual({ at: 10, winner: 'c' })
  expect(network.discarded).toEqual(['b'])
})

test('while one host is silent the next one is tried, and the first primary wins', async () => {
  const network = new FakeNetwork({ b: { is: 'primary', afterMs: 10 } })
  expect(await outcome(network, network.race(['silent', 'b']))).toEqual({
    at: NEXT_AFTER_MS + 10,
    winner: 'b',
  })
  expect(network.givenUp).toEqual(['silent'])
})

test('a slow host that answers is awaited', async () => {
  const network = new FakeNetwork({ a: { is: 'primary', heardMs: 200, afterMs: 400 }, b: { is: 'standby' } })
  expect(await outcome(network, network.race(['a', 'b']))).toEqual({ at: 400, winner: 'a' })
  expect(network.asked).toEqual(['a at 0'])
})

test('a primary that answers late still wins', async () => {
  const network = new FakeNetwork({ a: { is: 'primary', afterMs: 700 }, b: { is: 'standby', afterMs: 5 } })
  expect(await outcome(network, network.race(['a', 'b']))).toEqual({ at: 700, winner: 'a' })
})

test('a host that is silent for a second gets a second attempt, at the current address of its name', async () => {
  const network = new FakeNetwork({ new: { is: 'primary', afterMs: 10 } }, { a: ['old'] })
  const race = network.race(['a'])
  await network.clock.run(AGAIN_AFTER_MS - 1)
  network.names['a'] = ['new']
  expect(await outcome(network, race)).toEqual({ at: AGAIN_AFTER_MS + 10, winner: 'new' })
  expect(network.asked).toEqual(['old at 0', `new at ${AGAIN_AFTER_MS}`])
})

test('silence has an end: two attempts for each host, until the signal aborts', async () => {
  const network = new FakeNetwork({})
  const race = network.race(['a', 'b'])
  const end = outcome(network, race, 20_000)
  expect(await end).toBe('open')
  expect(network.asked).toEqual([
    'a at 0',
    `b at ${NEXT_AFTER_MS}`,
    `a at ${NEXT_AFTER_MS + AGAIN_AFTER_MS}`,
    `b at ${2 * NEXT_AFTER_MS + AGAIN_AFTER_MS}`,
  ])
  const reason = new Error('enough')
  const told = race.winner.catch((error: unknown) => error)
  network.stop.abort(reason)
  expect(await told).toBe(reason)
  expect(network.givenUp).toHaveLength(4)
  expect(network.clock.armed).toBe(0)
})

test('a standby is asked again while the old primary is silent, and wins as soon as it is promoted', async () => {
  const network = new FakeNetwork({ b: { is: 'standby', afterMs: 5 }, c: { is: new Error('starting up') } })
  const race = network.race(['frozen', 'b', 'c'])
  await network.clock.run(1500)
  network.servers['b'] = { is: 'primary', afterMs: 5 }
  const { at, winner } = (await outcome(network, race)) as { at: number; winner: string }
  expect(winner).toBe('b')
  expect(at).toBeLessThanOrEqual(1500 + STANDBY_AGAIN_MS + 10)
  expect(
    network.asked.filter((each) => each.startsWith('frozen')),
    'and that one twice',
  ).toHaveLength(2)
  expect(network.asked.filter((each) => each.startsWith('c')).length).toBeGreaterThan(2)
  expect(
    race.outcomes.map(({ place }) => place.host.host),
    'each once',
  ).toEqual(['frozen', 'b', 'c'])
  expect(network.clock.armed).toBe(0)
})

test('all addresses of a name are asked', async () => {
  const network = new FakeNetwork(
    { one: { is: REFUSED }, two: { is: 'standby' }, three: { is: 'primary' } },
    { a: ['one', 'two'], b: ['three'] },
  )
  expect(await outcome(network, network.race(['a', 'b']))).toEqual({ at: 0, winner: 'three' })
  expect(network.asked).toEqual(['one at 0', 'two at 0', 'three at 0'])
})

test('a connection that arrives when another has won is checked in', async () => {
  const network = new FakeNetwork({ a: { is: 'primary', afterMs: 260 }, b: { is: 'primary', afterMs: 15 } })
  expect(await outcome(network, network.race(['a', 'b']))).toEqual({ at: 260, winner: 'a' })
  expect(network.discarded).toEqual(['b'])
})

test('a read-only primary satisfies `primary`, but not `read-write`', async () => {
  const network = new FakeNetwork({ a: { is: 'read-only' }, b: { is: 'primary' } })
  expect(await outcome(network, network.race(['a', 'b']))).toMatchObject({ winner: 'a' })
  expect(await outcome(network, network.race(['a', 'b'], 'read-write'))).toMatchObject({ winner: 'b' })
})

test('`any` prefers a primary, and accepts a standby', async () => {
  const network = new FakeNetwork({
    a: { is: 'standby' },
    b: { is: 'primary', afterMs: 5 },
    c: { is: 'standby' },
  })
  expect(await outcome(network, network.race(['a', 'b'], 'any'))).toMatchObject({ winner: 'b' })
  expect(network.discarded).toEqual(['a'])
  expect(await outcome(network, network.race(['a', 'c'], 'any'))).toMatchObject({ winner: 'a' })
  expect(await outcome(network, network.race(['a', 'silent'], 'any'))).toMatchObject({ winner: 'a' })
})

test('if no host is suitable, the error names each with its answer', async () => {
  const network = new FakeNetwork(
    { a: { is: 'standby' }, '10.0.0.2': { is: REFUSED }, c: { is: new Error('wrong password') } },
    { b: ['10.0.0.2'], nowhere: [] },
  )
  const names = ['a', 'b', 'c', 'nowhere']
  const race = network.race(names)
  expect(await outcome(network, race)).toEqual({ at: 0, error: null })
  const list = { hosts: names.map((host): Host => ({ host, port: 5432 })), target: 'primary' } as const
  const error = hostFailure(list, race.outcomes, WORDS)
  expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true })
  expect((error as Error).message).toBe(
    'none of 4 hosts is a primary: a:5432 is a read-only standby; b:5432 (10.0.0.2) says: connect ECONNREFUSED; ' +
      'c:5432 says: wrong password; nowhere:5432 says: no such name nowhere',
  )
})

test('errors that are permanent at every host are not retried', () => {
  const host = { host: 'a', port: 1 }
  const wrong = Object.assign(new Error('password authentication failed'), { code: '28P01' })
  const said = { place: { host, address: null }, error: wrong, role: null, isHeard: true }
  const list = { hosts: [host, { ...host, port: 2 }], target: 'primary' } as const
  expect(hostFailure(list, [said, said], WORDS)).toMatchObject({ retryable: false })
  expect(hostFailure({ ...list, hosts: [host] }, [said], WORDS), 'one host alone speaks for itself').toBe(
    wrong,
  )
})

test('a socket path and an IPv6 address are shown as people write them', () => {
  expect(hostInWords({ host: '/tmp', port: 1 })).toBe('/tmp/.s.PGSQL.1')
  expect(hostInWords({ host: '::1', port: 1 })).toBe('[::1]:1')
})
