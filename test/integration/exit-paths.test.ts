import { expect, test } from 'vitest'
import { script } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

/** A program that has one lock of each kind, and then runs the code in `end`. */
const HOLDER = (end: string): string => `
  import { LockPool } from 'lockpool'
  const locks = new LockPool({ connection: process.env.TEST_DATABASE, applicationName: 'lockpool test', leakWarningMs: 60_000 })
  const lock = await locks.acquire('lock')
  const group = await locks.acquireAll(['a', 'b'])
  const permit = await locks.semaphore('permits', 1).acquire()
  const campaign = locks.campaign('leader')
  const client = await locks.connections.connect()
  await client.query('BEGIN; SELECT pg_advisory_lock(1)')
  const waiting = locks.acquire('lock').catch(() => undefined)
  const ignore = () => undefined
  process.on('exit', () => { lock.release().catch(ignore); permit.release().catch(ignore); client.release(); locks.close() })
  console.log('holds')
  ${end}`

test.each<[how: string, end: string, code: number | NodeJS.Signals]>([
  ['process.exit', 'process.exit(3)', 3],
  ['an error that nobody catches', `setTimeout(() => { throw new Error('mine') })`, 1],
  ['a rejection that nobody catches', `Promise.reject(new Error('mine'))`, 1],
  ['a signal that nobody handles', `process.kill(process.pid, 'SIGTERM')`, 'SIGTERM'],
  ['close', 'client.release(); await locks.close({ graceMs: 0 })', 0],
])('a process that ends by %s leaves nothing on the server', async (_, end, code) => {
  const it = script(HOLDER(end), { TEST_DATABASE: world.database.url })
  await it.says('holds')

  expect(await it.ended, it.err).toBe(code)

  // The server notices the end of the sessions by itself, because the process had no time to report it.
  await expect.poll(() => world.sessions(), { timeout: 5000 }).toEqual([])
  expect(await world.locks()).toEqual([])
  const locks = world.pool()
  expect((await locks.tryAcquire('lock'))?.state).toBe('held')
  expect((await locks.semaphore('permits', 1).tryAcquire())?.state).toBe('held')
})
