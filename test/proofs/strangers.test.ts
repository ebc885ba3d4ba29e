/** The harm that a role can do to other roles if it may only connect to the same server. */
import { hostname } from 'node:os'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { PostgresChannel } from '../../src/dialect/postgres/notify/channel.js'
import type { LockPool } from '../../src/postgres-lock-pool.js'
import { lockWorld } from '../support/lock-world.js'
import { strangerIn } from '../support/stranger.js'

const world = lockWorld()

/** Collects all messages on the public channel, as a role receives them that may only connect. */
async function overhear(client: pg.Client): Promise<string[]> {
  const heard: string[] = []
  client.on('notification', ({ channel, payload }) => heard.push(`${channel} ${payload}`))
  await client.query('LISTEN lockpool_1')
  return heard
}

const listening = (locks: LockPool): Promise<void> =>
  expect.poll(() => locks.snapshot().listener, { timeout: 10_000 }).toBe('listening')

test('a foreign role that receives and repeats all messages cannot fake a deadlock', async () => {
  await using stranger = await strangerIn(world.database.url)
  const [sender, receiver] = [await stranger.connect(), await stranger.connect()]
  const heard = await overhear(receiver)
  const [victim, holder, third] = [world.pool(), world.pool(), world.pool()]
  // This was a way to fake a deadlock: for each probe that it receives, the stranger sends a copy and a forged answer.
  receiver.on('notification', ({ payload }) => {
    const [, call, text] = /^\S+ (\S+) (.*)$/s.exec(payload!) ?? []
    if (call !== 'tell') return
    void sender.query(`SELECT pg_notify('lockpool_1', $1)`, [`zzz tell ${text}`])
    try {
      const [from, round, , mode] = JSON.parse(text!) as [string, number, string, string]
      const forged = [from, round, 'first', mode, [[from, '\u001b[31mevil\n', 'first', 'second']]]
      void sender.query(`SELECT pg_notify('lockpool_1', $1)`, [`zzz tell ${JSON.stringify(forged)}`])
    } catch {
      // The message was no probe.
    }
  })
  const second = await holder.acquire('second')

  let waiting: Promise<unknown> | null = null
  const outcome = await victim
    .withLock('first', async () => {
      waiting = third.acquire('first')
      await listening(third)
      await victim.withLock('second', { timeoutMs: 4000 }, () => undefined)
    })
    .catch((error: unknown) => error)

  expect(outcome).toMatchObject({ code: 'LOCK_TIMEOUT' })
  const said = heard.join('\n')
  expect(said).not.toMatch(/first|second/)
  expect(said).not.toContain(hostname())
  expect(said).not.toMatch(new RegExp(`tell|process|\\b${process.pid}\\b|lockpool test`))
  await second.release()
  await (await (waiting as unknown as Promise<{ release(): Promise<void> }>)).release()
})

test('a foreign role finds neither the secret nor the channel that is named by it', async () => {
  await using stranger = await strangerIn(world.database.url)
  const client = await stranger.connect()
  const [a, b] = [world.pool(), world.pool()]
  const held = await a.acquire('k')
  const waiting = b.acquire('k')
  await listening(b)

  await expect(client.query('SELECT * FROM lockpool.secret')).rejects.toMatchObject({ code: '42501' })
  await world.database.query(`GRANT pg_read_all_stats TO ${stranger.role}`)
  const { rows } = await client.query<{ query: string }>('SELECT query FROM pg_stat_activity')
  expect(rows.map(({ query }) => query).join('\n')).not.toMatch(/lockpool_[0-9a-f]{32}/)
  await held.release()
  await (await waiting).release()
})

test('waiters are woken with or without the privilege to read the secret', async () => {
  await using stranger = await strangerIn(world.database.url)
  const knowing = [world.pool(), world.pool()] as const
  const ignorant = [
    world.pool({ connection: stranger.url }),
    world.pool({ connection: stranger.url }),
  ] as const
  await Promise.all([...knowing, ...ignorant].map((locks) => locks.ready()))
  for (const [from, to] of [knowing, ignorant, [knowing[0], ignorant[0]]] as const) {
    const held = await from.acquire('k')
    const waiting = to.acquire('k', { timeoutMs: 20_000 })
    await listening(to)
    // After this pause, a waiter without a wake-up polls only every 0.8 s.
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const since = performance.now()
    await held.release()
    const lock = await waiting
    expect.soft(performance.now() - since).toBeLessThan(400)
    await lock.release()
  }
})

test('a flood on the public channel wakes no process that knows the secret, and causes no warning', async () => {
  await using stranger = await strangerIn(world.database.url)
  const client = await stranger.connect()
  const [a, b] = [world.pool(), world.pool()]
  const held = await a.acquire(5n)
  const waiting = b.acquire(5n)
  await listening(b)
  // After this pause, a waiter without a wake-up polls only every 0.8 s.
  await new Promise((resolve) => setTimeout(resolve, 1500))

  const calls = ['ring 5', 'claim 5', 'tell 5', `ring${' 5'.repeat(300)}`, '', `tell ${'['.repeat(7000)}`]
  let isOver = false
  const flood = (async () => {
    for (let i = 0; !isOver; i++)
      await client.query(`SELECT pg_notify('lockpool_1', $1)`, [`${i} ${calls[i % calls.length]}`])
  })()
  const asked = await attempts(b, 1500)
  isOver = true
  await flood

  expect(asked).toBeLessThan(8)
  expect(b.snapshot()).toMatchObject({ held: 0, waiting: 1 })
  await held.release()
  await (await waiting).release()
})

/** Counts the statements that the pool's sessions send during this time, as far as pg_stat_activity shows them. */
async function attempts(locks: LockPool, durationMs: number): Promise<number> {
  const seen = new Set<string>()
  const until = performance.now() + durationMs
  while (performance.now() < until) {
    const { rows } = await world.database.query<{ start: string }>(
      `SELECT query_start::text AS start FROM pg_stat_activity WHERE pid = ANY ($1)`,
      [locks.snapshot().sessions.map(({ serverId }) => serverId)],
    )
    for (const { start } of rows) seen.add(start)
  }
  return seen.size
}

test.each(['emptied', 'dropped'] as const)('a secret that was %s is made anew, and shared', async (how) => {
  await world.pool().ready()
  await world.database.query(how === 'emptied' ? 'DELETE FROM lockpool.secret' : 'DROP TABLE lockpool.secret')
  const pools = Array.from({ length: 3 }, () => world.pool())

  await Promise.all(pools.map((locks) => locks.ready()))
  const held = await pools[0]!.acquire('k')
  const waiting = pools[1]!.acquire('k', { timeoutMs: 20_000 })
  await listening(pools[1]!)
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const since = performance.now()
  await held.release()
  await (await waiting).release()

  expect(performance.now() - since).toBeLessThan(400)
  const { rows } = await world.database.query<{ bytes: number; readers: string | null }>(
    `SELECT length(value) AS bytes, (SELECT relacl::text FROM pg_class WHERE oid = 'lockpool.secret'::regclass) AS readers
     FROM lockpool.secret`,
  )
  expect(rows).toHaveLength(1)
  expect(rows[0]!.bytes).toBe(32)
  expect(rows[0]!.readers ?? '').not.toMatch(/(^|[{,])=/)
})

test('a message that is sealed in one database means nothing in another', () => {
  // Both databases have the same secret, as after a restored dump.
  const learn = async (database: string): Promise<PostgresChannel> => {
    const channel = new PostgresChannel()
    const answers = [
      [{ is_there: true, may_read: true, may_fill: true, may_make: true, database }],
      [{ value: 'ab'.repeat(32) }],
    ]
    await channel.learn({ query: async () => ({ rows: answers.shift() }) } as never, true)
    return channel
  }
  return Promise.all([learn('1'), learn('2')]).then(([one, other]) => {
    expect(one.unseal(one.seal('x')!)).toBe('x')
    expect(other.unseal(one.seal('x')!)).toBeNull()
    expect(other.name).not.toBe(one.name)
  })
})
