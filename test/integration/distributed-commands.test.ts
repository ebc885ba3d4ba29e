/** Commands on a database with locks of engine 'distributed', and on servers that call themselves such an engine. */
import { expect, test } from 'vitest'
import type { LockPool, LockPoolOptions } from '../../src/postgres-lock-pool.js'
import { lockpool } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'
import { WirePooler } from '../support/wire-pooler.js'

const world = lockWorld()

const DISTRIBUTED: LockPoolOptions = { backend: 'table', engine: 'distributed', namespace: 'rows' }

/** A server that calls itself YugabyteDB, and records what it is sent. */
async function yugabyte(sent: string[] = []): Promise<WirePooler> {
  return WirePooler.to(world.database.url, {
    mode: 'session',
    keepsKey: true,
    rewrite: (sql) => {
      sent.push(sql)
      return sql.replace('pg_catalog.version()', `'PostgreSQL 15.2-YB-2025.1.0.0-b0'`)
    },
  })
}

interface Outcome {
  readonly status: unknown
  readonly out: string
  readonly err: string
}

async function command(url: string, ...args: string[]): Promise<Outcome> {
  const started = lockpool(args, { url })
  const status = await started.ended
  return { status, out: started.out.toString(), err: started.err }
}

/** A holder and a waiter in two pools. */
async function contended(): Promise<{
  readonly locks: LockPool
  readonly next: Promise<{ release(): unknown }>
}> {
  const locks = world.pool({ ...DISTRIBUTED, applicationName: 'one', leaseMs: 1000 })
  const others = world.pool({ ...DISTRIBUTED, applicationName: 'two', leaseMs: 1000 })
  await locks.acquire('orders')
  const next = others.acquire('orders', { timeoutMs: 20_000 })
  await expect.poll(async () => (await locks.inspect()).flatMap(({ waiters }) => waiters)).toHaveLength(1)
  return { locks, next }
}

const HOLDER_AND_WAITER = [
  {
    holders: [{ mode: 'exclusive', session: { application: 'one' } }],
    waiters: [{ session: { application: 'two' } }],
  },
]

test('on PostgreSQL a pool with advisory locks and the commands see rows of this engine, and break ends a holder', async () => {
  const { locks, next } = await contended()
  const bystander = world.pool()

  expect(await bystander.inspect()).toMatchObject(HOLDER_AND_WAITER)
  const [seen] = await locks.inspect()
  const { pid } = seen!.holders[0]!.session
  const listed = await command(world.database.url, 'ls', '--json')
  expect(JSON.parse(listed.out), listed.err).toMatchObject({
    locks: [{ holders: [{ pid, mode: 'exclusive' }], waiters: [{ mode: 'exclusive' }] }],
  })

  const broken = await command(world.database.url, 'break', '--pid', String(pid), '--yes')
  expect(broken).toMatchObject({ status: 0, out: expect.stringContaining(`session ${pid} has ended`) })
  await (await next).release()
})

test('on a server that calls itself YugabyteDB the commands read the tables of the engine alone', async () => {
  const { next, locks } = await contended()
  await locks.close({ graceMs: 0 })
  const held = await next
  const sent: string[] = []
  await using between = await yugabyte(sent)

  const listed = await command(between.url, 'ls', '--json')

  expect(JSON.parse(listed.out), listed.err).toMatchObject({
    locks: [{ holders: [{ mode: 'exclusive' }], waiters: [] }],
  })
  expect(sent.filter((sql) => sql.includes('pg_locks'))).toEqual([])
  expect(sent.filter((sql) => sql.includes('lockpool.dist_lease'))).toHaveLength(1)
  await held.release()
})
