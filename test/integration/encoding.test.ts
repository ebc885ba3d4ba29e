import { execFileSync } from 'node:child_process'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

test('names that the encoding of the database lacks are written in ASCII, and keep no others from being written', async () => {
  const admin = new pg.Client(inject('serverUrl'))
  await admin.connect()
  const database = `latin_${process.pid}_${Date.now()}`
  await admin.query(
    `CREATE DATABASE ${database} ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`,
  )
  const url = new URL(inject('serverUrl'))
  url.pathname = `/${database}`
  execFileSync(process.execPath, ['dist/cli/main.js', 'install', '--url', url.href])
  const reader = new pg.Client(url.href)
  await reader.connect()
  const locks = world.pool({ connection: url.href })
  const warnings: string[] = []
  locks.on('warning', ({ message }) => warnings.push(message))

  const names = Array.from({ length: 100 }, (_, i) => `order ${i}`)
  await locks.acquireAll([...names, 'café', '漢字', 'key 🔑'])
  const campaign = locks.campaign('boss', { name: 'host 🔑' })
  const written = async (): Promise<string[]> =>
    (await reader.query<{ name: string }>('SELECT name FROM lockpool.key_name')).rows.map(({ name }) => name)
  await expect.poll(written, { timeout: 10_000 }).toHaveLength(names.length + 4)

  expect(await written()).toEqual(
    expect.arrayContaining([...names, 'café', String.raw`\u{6f22}\u{5b57}`, String.raw`key \u{1f511}`]),
  )
  await expect
    .poll(async () => (await locks.leader('boss'))?.name, { timeout: 10_000 })
    .toBe(String.raw`host \u{1f511}`)
  expect(warnings).toEqual([])
  await campaign.resign()
  await locks.close({ graceMs: 0 })
  await reader.end()
  await admin.query(`DROP DATABASE ${database} WITH (FORCE)`)
  await admin.end()
})
