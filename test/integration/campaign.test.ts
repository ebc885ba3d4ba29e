import { expect, test } from 'vitest'
import { lockWorld } from '../support/lock-world.js'
import { script } from '../support/command-line.js'

const world = lockWorld()

test('all processes see the leader, and a terminated leader no longer leads', async () => {
  const [a, b] = [world.pool(), world.pool()]
  const first = a.campaign('scheduler', { name: 'first' })
  await expect.poll(() => first.state).toBe('leading')
  const { term } = first
  const second = b.campaign('scheduler', { name: 'second' })
  await first.leader()
  expect(await second.leader()).toEqual({ name: 'first', token: term!.token, since: expect.any(Date) })

  await world.terminate(...a.snapshot().sessions.map(({ serverId }) => serverId))

  await expect.poll(() => term!.signal.reason as unknown).toMatchObject({ code: 'LOCK_LOST' })
  await expect.poll(async () => (await second.leader())?.token ?? 0n).toBeGreaterThan(term!.token)
  await first.resign()
  await expect.poll(async () => (await first.leader())?.name).toBe('second')
  expect(await world.pool().leader('scheduler')).toEqual(await first.leader())
  await second.resign()
  expect(await first.leader()).toBe(null)
})

test.each([{ key: 123n }, { key: [-1, 7] }, { key: 'name' }] as const)(
  'the leader of a campaign for $key is found',
  async ({ key }) => {
    const campaign = world.pool().campaign(key, { name: 'me' })
    await expect.poll(() => campaign.state).toBe('leading')

    expect(await campaign.leader()).toMatchObject({ name: 'me', token: campaign.term!.token })
  },
)

test('an older leader that is late does not write over a newer one', async () => {
  const locks = world.pool()
  const campaign = locks.campaign('late', { name: 'new' })
  await expect.poll(() => campaign.state).toBe('leading')
  await campaign.leader()
  const [row] = (
    await world.database.query<{ key: string; session: number }>(
      `SELECT key, session FROM lockpool.leader WHERE name = 'new'`,
    )
  ).rows

  const { recordLeader } = await import('../../src/dialect/postgres/records/leader.js')
  await locks.connections.use((connection) =>
    recordLeader(connection, { key: { id: row!.key }, name: 'old', token: 1n, session: row!.session }),
  )

  expect(await campaign.leader()).toMatchObject({ name: 'new' })
})

test("a role without privileges can be elected, and the leader's name is unavailable", async () => {
  await world.pool().ready()
  await world.database.query(`
    CREATE ROLE candidate LOGIN PASSWORD 'x';
    GRANT USAGE ON SCHEMA lockpool TO candidate;
    GRANT USAGE ON SEQUENCE lockpool.fence TO candidate`)
  const url = new URL(world.database.url)
  url.username = 'candidate'
  url.password = 'x'
  try {
    const locks = world.pool({ connection: url.href })
    const warnings: string[] = []
    locks.on('warning', ({ message }) => warnings.push(message))
    const campaign = locks.campaign('scheduler', { name: 'me' })
    await expect.poll(() => campaign.state).toBe('leading')

    expect(await campaign.leader()).toEqual({ name: null, token: null, since: null })
    expect(campaign.term!.token).toBeGreaterThan(0n)
    expect(warnings.join()).toMatch(/leader names are unavailable.*lockpool install/)
    await campaign.resign()
    expect(await campaign.leader()).toBe(null)
  } finally {
    await world.closeAll()
    await world.database.query('DROP OWNED BY candidate; DROP ROLE candidate')
  }
})

test('a process that shuts down hands over at once, long before its lease would end', async () => {
  const leader = script(
    `import { LockPool } from 'lockpool'
     const locks = new LockPool({ connection: process.env.TEST_DATABASE, applicationName: 'lockpool test', leaseMs: 60_000 })
     locks.campaign('scheduler', { name: 'them', onElected: () => console.log('elected') })
     process.once('SIGTERM', () => locks.close())`,
    { TEST_DATABASE: world.database.url },
  )
  await leader.says('elected')
  const campaign = world.pool({ leaseMs: 60_000 }).campaign('scheduler', { name: 'us' })
  await expect.poll(async () => (await campaign.leader())?.name).toBe('them')
  expect(campaign.state).toBe('standing')

  const since = performance.now()
  leader.kill('SIGTERM')
  await expect.poll(() => campaign.state, { interval: 2, timeout: 10_000 }).toBe('leading')

  expect(performance.now() - since).toBeLessThan(5000)
  expect(await leader.ended).toBe(0)
})
