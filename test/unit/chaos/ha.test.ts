import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { Life } from '../../../chaos/history.js'
import { balancerConfig, patroniConfig, type ClusterPlan } from '../../../ha/cluster-config.js'
import { FAULT_NAMES } from '../../../ha/faults.js'
import { timingsOf } from '../../../ha/figures.js'
import { parseOptions, USAGE } from '../../../ha/options.js'
import { withEnding, type Ending } from '../../../ha/overlaps.js'
import { isPrimary, isWhole, leaderOf, membersOf, successorOf } from '../../../ha/patroni-view.js'
import { read } from '../../support/repository.js'

describe('the command line', () => {
  test('one fault, several, or all', () => {
    expect(parseOptions(['--fault', 'switchover'])).toMatchObject({
      faults: ['switchover'],
      strict: [false],
      keep: null,
      minutes: 1,
      way: 'hosts',
      leaseMs: 15_000,
    })
    expect(parseOptions(['--fault', 'freeze,crash', '--strict', '--minutes', '7'])).toMatchObject({
      faults: ['freeze', 'crash'],
      strict: [true],
      minutes: 7,
    })
    expect(parseOptions(['--fault', 'crash', '--both'])).toMatchObject({ strict: [false, true] })
    expect(parseOptions(['--fault', 'crash', '--keep', 'here'])).toMatchObject({ keep: 'here' })
    expect(parseOptions(['--fault', 'all']).faults).toEqual(FAULT_NAMES)
    for (const name of FAULT_NAMES) expect(USAGE).toContain(name)
  })

  test.each([
    [[]],
    [['--fault', 'fire']],
    [['--fault', 'all', '--minutes', '0']],
    [['--fault', 'all', '--way', 'x']],
  ])('an invalid command line is refused: %j', (args) => {
    expect(() => parseOptions(args)).toThrow(TypeError)
  })
})

const NODE = { name: 'node1', port: 1, restPort: 2, relayPort: 3, dataFolder: '/data1' }
const PLAN: ClusterPlan = {
  folder: '/folder',
  etcdPort: 4,
  etcdPeerPort: 5,
  balancerPort: 6,
  nodes: [NODE],
  password: 'p',
  postgres: '/bin',
  isSync: true,
  isQuick: false,
}

describe('a cluster', () => {
  test('Patroni has its own defaults, unless the options ask for a quick fail-over', () => {
    const of = (isQuick: boolean): unknown =>
      (JSON.parse(patroniConfig({ ...PLAN, isQuick }, NODE)) as { bootstrap: { dcs: object } }).bootstrap.dcs
    expect(of(false)).toMatchObject({ ttl: 30, loop_wait: 10, retry_timeout: 10, synchronous_mode: true })
    expect(of(true)).toMatchObject({ ttl: 20, loop_wait: 5, retry_timeout: 5 })
  })

  test('the balancer is configured as the guide says', () => {
    const lines = balancerConfig(PLAN)
      .split('\n')
      .map((line) => line.trim())
    const guide = read('docs/guides/high-availability.md')
    for (const line of lines.filter((each) => /^(?:option|http-check|default-server)/.test(each)))
      expect(guide).toContain(line)
  })

  test('it is complete when all nodes follow the leader, on its timeline', () => {
    const leader = { name: 'a', role: 'leader', state: 'running', timeline: 3 }
    const replica = { name: 'b', role: 'replica', state: 'streaming', timeline: 3 }
    expect(isWhole([leader, replica], 2)).toBe(true)
    expect(isWhole([leader], 2)).toBe(false)
    expect(isWhole([leader, { ...replica, timeline: 2 }], 2)).toBe(false)
    expect(isWhole([leader, { ...replica, state: 'stopped' }], 2)).toBe(false)
    expect(isWhole([replica], 1)).toBe(false)
    expect(isWhole([leader, replica], 2, true), 'nobody follows synchronously').toBe(false)
    expect(isWhole([leader, { ...replica, role: 'sync_standby' }], 2, true)).toBe(true)
    expect(leaderOf([replica, leader])).toBe('a')
    expect(leaderOf([{ ...leader, state: 'stopped' }])).toBeNull()
    expect(successorOf([leader, replica, { ...replica, name: 'c', role: 'sync_standby' }])).toBe('c')
    expect(successorOf([leader, replica])).toBe('b')
    expect(successorOf([leader])).toBeNull()
  })
})

describe('answers of Patroni', () => {
  test('a node that goes silent in the middle of an answer, or answers with nonsense, is skipped', async () => {
    const members = [{ name: 'a', role: 'leader', state: 'running', timeline: 1 }]
    const cut = createServer((_, response) => {
      response.writeHead(200).write('{"members": [')
      setImmediate(() => response.destroy())
    })
    const wrong = createServer((_, response) => response.end('<html>'))
    const right = createServer((_, response) => response.end(JSON.stringify({ members })))
    const all = [cut, wrong, right]
    const nodes = await Promise.all(
      all.map(async (server) => {
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
        return { restPort: (server.address() as AddressInfo).port }
      }),
    )
    try {
      expect(await membersOf(nodes)).toEqual(members)
      expect(await membersOf(nodes.slice(0, 2))).toEqual([])
      expect(await Promise.all(nodes.map(isPrimary))).toEqual([true, true, true])
      expect(await isPrimary({ restPort: 1 })).toBe(false)
    } finally {
      for (const server of all) server.close()
    }
  })
})

describe('the timings of a round', () => {
  const wall = 0
  const granted = (ask: string, key: string, at: number): Life['events'] => [
    { what: 'asked', ask, key, mode: 'exclusive', withinMs: 1000, at: at - 10, wall },
    { what: 'granted', ask, token: String(at), at, wall },
    { what: 'held', ask, at, wall },
  ]
  const life = (events: Life['events']): Life => ({ process: 'a', events, endedAt: 90_000, how: 'exited' })
  const writes = [900, 990, 4000, 4100].map((at) => ({ at, node: at < 2000 ? 'old' : 'new' }))

  test('how long the database was away, and how long no lock was granted', () => {
    const lives = [
      life([
        ...granted('1', 'cycle', 950),
        ...granted('2', 'long', 500),
        { what: 'lost', ask: '2', reason: 'gone', at: 1100, wall },
        ...granted('3', 'cycle', 4200),
        ...granted('4', 'long', 4300),
        { what: 'asked', ask: '5', key: 'cycle', mode: 'exclusive', withinMs: 1000, at: 4400, wall },
        { what: 'refused', ask: '5', code: 'CONNECTION_FAILED', at: 4500, wall },
      ]),
    ]
    expect(timingsOf({ struckAt: 1000, oldPrimary: 'old', lives, writes })).toEqual({
      databaseAwayMs: 3010,
      databaseBackMs: 3000,
      withoutGrantsMs: 3250,
      firstGrantAfterMs: 200,
      holderToldMs: 100,
      longGrantedMs: 3300,
      slowestCallerMs: 100,
      twoPrimaries: 0,
      refused: 1,
    })
  })

  test('a starving caller is found, if its grant comes late or never', () => {
    const asked = { what: 'asked', key: 'cycle', mode: 'exclusive', withinMs: 60_000, wall } as const
    const slowest = (last: Life['events']): number | null =>
      timingsOf({
        ...{ struckAt: 1000, oldPrimary: 'old', writes },
        lives: [
          life([
            ...granted('1', 'cycle', 4200),
            { ...asked, ask: '2', at: 500 },
            ...last,
            ...granted('3', 'cycle', 9000),
          ]),
        ],
      }).slowestCallerMs
    expect(slowest([{ what: 'granted', ask: '2', token: '5000', at: 5000, wall }])).toBe(800)
    expect(slowest([]), 'it waited until the process ended').toBe(85_800)
  })

  test('an old primary that writes again next to a new one is counted', () => {
    const both = [...writes, { at: 5000, node: 'old' }]
    expect(timingsOf({ struckAt: 1000, oldPrimary: 'old', lives: [], writes: both }).twoPrimaries).toBe(1)
  })
})

describe('overlaps while a server stops', () => {
  const wall = 0
  const life = (process: string, at: number): Life => ({
    process,
    endedAt: 90_000,
    how: 'exited',
    events: [
      { what: 'asked', ask: process, key: 'cycle', mode: 'exclusive', withinMs: 1000, at: at - 10, wall },
      { what: 'granted', ask: process, token: String(at), at, wall },
      { what: 'held', ask: process, at, wall },
      { what: 'held', ask: process, at: at + 500, wall },
      { what: 'lost', ask: process, reason: 'its connection ended', at: at + 500, wall },
    ],
  })
  const verdict = (
    secondAt: number,
    isStrict = false,
    ending = { from: 1000, to: 3000 } as Ending | null,
  ) => {
    const none = { strikes: [], calms: [], sightings: [], writes: [], leaks: [] }
    const lives = [life('a', secondAt - 200), life('b', secondAt)]
    const { findings, figures } = withEnding(
      { ...none, lives, isStrict, leaseMs: 15_000, endedAt: 90_000 },
      ending,
    )
    return [findings.map(({ kind }) => kind), figures.excusedOverlaps, figures.worstExcusedOverlapMs]
  }

  test('are allowed in plain mode, if the second grant came before the database was back', () => {
    expect(verdict(1500)).toEqual([[], 1, 300])
    expect(verdict(3100)).toEqual([['overlap'], 0, 0])
    expect(verdict(900), 'before the fault').toEqual([['overlap'], 0, 0])
    expect(verdict(1500, true), 'never in strict mode').toEqual([['overlap'], 0, 0])
    expect(verdict(1500, false, null), 'of a server that does not end its sessions').toEqual([
      ['overlap'],
      0,
      0,
    ])
  })
})
