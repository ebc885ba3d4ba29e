import { describe, expect, test } from 'vitest'
import type { Figures } from '../../src/cli/bench/figures.js'
import { lockpool } from '../support/command-line.js'
import { mariaDbWorld } from '../support/mariadb-world.js'
import { noMariaDb } from '../support/own-mariadb.js'

type Told = Figures & { readonly version: number; readonly server: string; readonly hasTokens: boolean }

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'lockpool bench with MariaDB', () => {
  const world = mariaDbWorld()
  const short = ['--json', '-t', '20ms', '-c', '20']

  async function measure(...args: string[]): Promise<Told> {
    const bench = lockpool(['bench', ...short, ...args], { url: world.url })
    expect(await bench.ended, bench.err).toBe(0)
    return JSON.parse(bench.out.toString()) as Told
  }

  async function tables(): Promise<string[]> {
    const rows = await world.server.query<{ name: string }>(
      `SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${database()}'`,
    )
    return rows.map(({ name }) => name)
  }

  const database = (): string => new URL(world.url).pathname.slice(1)

  async function rowsIn(table: string): Promise<number> {
    const [row] = await world.server.query<{ n: unknown }>(`SELECT COUNT(*) AS n FROM ${database()}.${table}`)
    return Number(row!.n)
  }

  function checkFigures({ latencies, rates }: Figures): void {
    expect(rates.map(({ name }) => name)).toEqual(['one caller', '20 callers', '20 callers, one key'])
    for (const { p50Ms, p99Ms } of latencies) expect(p50Ms > 0 && p50Ms <= p99Ms).toBe(true)
    for (const { perSecond } of rates) expect(perSecond).toBeGreaterThan(0)
  }

  test('it measures named locks without creating a table, and with tokens where the tables are', async () => {
    const told = await measure()
    expect(told).toMatchObject({ version: 1, hasTokens: false, ms: 20, callers: 20 })
    expect(told.server).toMatch(/^MariaDB \d+\.\d+/)
    expect(told.latencies.map(({ name }) => name)).toEqual([
      'round trip',
      'wake-up',
      'one lock: acquire',
      'hand-off between two pools',
    ])
    checkFigures(told)
    expect(await tables()).toEqual([])

    await world.pool().ready()
    expect(await measure()).toMatchObject({ hasTokens: true })
    // The pool of this test has recorded its namespace.
    expect(await rowsIn('lockpool_backend')).toBe(1)
  })

  test('it measures locks in rows, and leaves no row', async () => {
    await world.server.query(`DROP DATABASE ${database()}`)
    await world.server.query(`CREATE DATABASE ${database()}`)
    const refused = lockpool(['bench', ...short, '--backend', 'table'], { url: world.url })
    expect(await refused.ended).toBe(69)
    expect(refused.err).toContain('lockpool install --backend table')
    expect(await tables()).toEqual([])

    const install = lockpool(['install', '--backend', 'table'], { url: world.url })
    expect(await install.ended, install.err).toBe(0)
    const told = await measure('--backend', 'table')
    expect(told).toMatchObject({ version: 1, hasTokens: true })
    expect(told.latencies.map(({ name }) => name)).toEqual([
      'round trip',
      'one lock: acquire',
      'hand-off between two pools',
    ])
    checkFigures(told)
    for (const table of ['backend', 'lease', 'member', 'gate'])
      expect([table, await rowsIn(`lockpool_${table}`)]).toEqual([table, 0])
  })

  test('without --json it prints bars', async () => {
    const bench = lockpool(['bench', '-t', '20ms', '-c', '2'], { url: world.url })
    expect(await bench.ended, bench.err).toBe(0)
    expect(bench.out.toString()).toMatch(/^MariaDB 1\d+\.\d+.*fencing tokens\n\nround trip +p50/)
  })

  test('an unreachable server is reported as by every other command', async () => {
    const bench = lockpool(['bench'], { url: 'mysql://u:secret@127.0.0.1:1/db' })
    expect(await bench.ended).toBe(69)
    expect(bench.err).toMatch(/ECONNREFUSED/)
    expect(bench.err).not.toMatch(/secret/)
  })
})
