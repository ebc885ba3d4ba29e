import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { mariaDbWorld } from '../support/mariadb-world.js'
import { noMariaDb } from '../support/own-mariadb.js'
import { ROOT } from '../support/repository.js'

/** One hold, as the process that had it reports it. */
interface Hold {
  readonly process: number
  readonly key: string
  readonly mode: 'shared' | 'exclusive'
  /** On a clock that all processes share, in milliseconds. */
  readonly from: number
  readonly to: number
  readonly token: string
}

const SLOTS = 3
const PROCESSES = 4

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'processes that read and write in MariaDB', () => {
  const world = mariaDbWorld()
  const children: ChildProcess[] = []

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })

  function start(slots: number, seconds: number): ChildProcess {
    const args = [join(ROOT, 'test/support/mariadb-readers.mjs'), world.url, String(slots), String(seconds)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    return child
  }

  async function holdsOf(child: ChildProcess): Promise<Hold[]> {
    const ended = once(child, 'exit')
    const holds: Hold[] = []
    for await (const line of createInterface({ input: child.stdout! })) holds.push(JSON.parse(line) as Hold)
    expect((await ended)[0]).toBe(0)
    return holds
  }

  test('no hold of a writer overlaps another, and no more processes read than there are slots', async () => {
    const all = await Promise.all(Array.from({ length: PROCESSES }, () => holdsOf(start(SLOTS, 6))))
    const holds = all.flat().toSorted((a, b) => a.from - b.from)

    const reads = holds.filter(({ mode }) => mode === 'shared')
    expect(reads.length, 'readers').toBeGreaterThan(100)
    expect(holds.length - reads.length, 'writers').toBeGreaterThan(50)
    let shared = 0
    for (const [i, hold] of holds.entries()) {
      const during = holds.slice(0, i).filter(({ key, to }) => key === hold.key && to > hold.from)
      const others = during.filter(({ process }) => process !== hold.process)
      if (others.length > 0) shared++
      for (const other of during)
        expect([hold.mode, other.mode], JSON.stringify({ hold, other })).toEqual(['shared', 'shared'])
      const readers = new Set([hold, ...during].map(({ process }) => process))
      expect(readers.size).toBeLessThanOrEqual(SLOTS)
    }
    expect(shared, 'processes that read at the same time').toBeGreaterThan(10)
    for (const hold of holds) {
      const earlier = holds.filter(
        ({ key, to, mode }) => key === hold.key && mode !== hold.mode && to <= hold.from,
      )
      const greatest = earlier.reduce((most, { token }) => (BigInt(token) > most ? BigInt(token) : most), 0n)
      expect(BigInt(hold.token)).toBeGreaterThan(greatest)
    }
  }, 120_000)

  test('a killed reader frees its slot at once', async () => {
    const url = await world.server.createDatabase()
    const args = [join(ROOT, 'test/support/mariadb-readers.mjs'), url, '1', '0']
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    await once(createInterface({ input: child.stdout }), 'line')
    const [reader, writer] = [1, 2].map(() =>
      world.pool({ connection: url, sharedSlots: 1, leaseMs: 60_000 }),
    )
    expect(await reader!.tryAcquire('key', { mode: 'shared' }), 'the only slot is in use').toBeNull()
    const waiting = reader!.acquire('key', { mode: 'shared', timeoutMs: 30_000 })
    await pause(100)

    const since = performance.now()
    child.kill('SIGKILL')
    const lock = await waiting

    expect(performance.now() - since, 'its lease has 60 seconds').toBeLessThan(15_000)
    expect(await writer!.tryAcquire('key')).toBeNull()
    await lock.release()
    await writer!.withLock('key', () => undefined)
  })
})
