import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lockpool } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

const run = (...args: string[]) => lockpool(['run', ...args], { url: world.database.url })

/** A command that fails if another run is between mkdir and rmdir. */
const alone = (folder: string): string => `mkdir '${folder}' && sleep 0.1 && rmdir '${folder}'`

test('runs of one key never overlap, those of different keys do', async () => {
  const root = await mkdtemp(join(tmpdir(), 'lockpool-run-'))
  const folder = join(root, 'inside')

  const same = [1, 2, 3, 4, 5].map(() => run('k', '--', 'sh', '-c', alone(folder)))
  expect(await Promise.all(same.map((it) => it.ended))).toEqual([0, 0, 0, 0, 0])
  const tokens = await Promise.all(
    [1, 2, 3].map(async () => {
      const it = run('k', '--', 'sh', '-c', 'echo $LOCK_TOKEN')
      await it.ended
      return it.out.toString()
    }),
  )
  expect(new Set(tokens).size).toBe(3)

  const holding = run('k1', '--', 'sh', '-c', 'echo ready; sleep 60')
  await holding.says('ready')
  expect(await run('k2', '-n', '--', 'true').ended).toBe(0)
  expect(await run('k1', '-n', '--', 'true').ended).toBe(75)
  expect(await run('k1', '-n', '--namespace', 'other', '--', 'true').ended).toBe(0)
  holding.kill('SIGTERM')
  await holding.ended
  await rm(root, { recursive: true })
})

test('shared holders hold together, and exclude others', async () => {
  const readers = [1, 2].map(() => run('k', '--shared', '--', 'sh', '-c', 'echo ready; sleep 60'))
  await Promise.all(readers.map((it) => it.says('ready')))

  expect(await run('k', '-n', '--', 'true').ended).toBe(75)

  for (const it of readers) it.kill('SIGTERM')
  expect(await Promise.all(readers.map((it) => it.ended))).toEqual([143, 143])
  expect(await run('k', '-n', '--', 'true').ended).toBe(0)
})

test('a raw key is that of PostgreSQL itself', async () => {
  await world.database.query('SELECT pg_advisory_lock(-5), pg_advisory_lock(12, 34)')

  expect(await run('--raw', '-5', '-n', '--', 'true').ended).toBe(75)
  expect(await run('--raw', '12,34', '-n', '--', 'true').ended).toBe(75)
  expect(await run('--raw', '5', '-n', '--', 'true').ended).toBe(0)

  await world.database.query('SELECT pg_advisory_unlock_all()')
})
