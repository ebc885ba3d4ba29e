import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LockPool, LockPoolOptions } from '../../src/mysql-lock-pool.js'
import { lockpool, type Started } from '../support/command-line.js'
import { rejection } from '../support/fake-world.js'
import { mariaDbWorld } from '../support/mariadb-world.js'
import { noMariaDb } from '../support/own-mariadb.js'

type Backend = 'named' | 'table'

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'lockpool migrate-backend with MariaDB', () => {
  const world = mariaDbWorld()
  let database: string
  let namespaces = 0

  beforeAll(() => {
    database = new URL(world.url).pathname.slice(1)
  })

  const fresh = (): string => `ns ${++namespaces}`

  function pool(backend: Backend, namespace: string, options: LockPoolOptions = {}): LockPool {
    return world.pool({ backend, namespace, leaseMs: 2000, ...options })
  }

  function move(to: Backend, namespace: string, ...more: string[]): Started {
    const args = namespace === '' ? [] : ['--namespace', namespace]
    return lockpool(['migrate-backend', '--to', to, ...args, ...more], { url: world.url })
  }

  async function record(namespace: string): Promise<string | undefined> {
    const rows = await world.server.query<{ backend: string }>(
      `SELECT backend FROM ${database}.lockpool_backend WHERE namespace = ?`,
      [namespace],
    )
    return rows[0]?.backend
  }

  /** Locks a few times, and returns the last token. */
  async function lockAfter(last: bigint, backend: Backend, namespace: string): Promise<bigint> {
    const locks = pool(backend, namespace)
    let latest = last
    for (let i = 0; i < 3; i++) {
      const lock = await locks.acquire('orders')
      expect(lock.token).toBeGreaterThan(latest)
      latest = lock.token
      await lock.release()
    }
    await locks.close()
    return latest
  }

  test('it moves there and back, tokens continue above all earlier ones, and other namespaces go on', async () => {
    const [namespace, other] = [fresh(), fresh()]
    const bystander = pool('named', other)
    const before = await bystander.acquire('bystander')
    await before.release()
    let last = await lockAfter(0n, 'named', namespace)
    for (let round = 0; round < 2; round++) {
      const there = move('table', namespace, '--json')
      expect(await there.ended, there.err).toBe(0)
      expect(JSON.parse(there.out.toString())).toEqual({ version: 1, namespace, from: 'named', to: 'table' })
      expect(await rejection(pool('named', namespace).ready())).toMatchObject({
        code: 'BACKEND_MISMATCH',
        message: expect.stringContaining(`migrate-backend --to named --namespace '${namespace}'`),
      })
      last = await lockAfter(last, 'table', namespace)
      const back = move('named', namespace)
      expect(await back.ended, back.err).toBe(0)
      expect(await rejection(pool('table', namespace).ready())).toMatchObject({
        code: 'BACKEND_MISMATCH',
        message: expect.stringContaining(`migrate-backend --to table --namespace '${namespace}'`),
      })
      last = await lockAfter(last, 'named', namespace)
    }
    const after = await bystander.acquire('bystander')
    expect(after.token).toBeGreaterThan(before.token)
    await after.release()
  })

  test('tokens continue above the earlier ones after a restart of the server as well', async () => {
    const namespace = fresh()
    let last = await lockAfter(0n, 'table', namespace)
    const back = move('named', namespace)
    expect(await back.ended, back.err).toBe(0)
    last = await lockAfter(last, 'named', namespace)
    for (let restart = 0; restart < 2; restart++) {
      await world.server.halt('SIGKILL')
      await world.server.boot()
      last = await lockAfter(last, 'named', namespace)
    }
    // Each restart begins a run of tokens. If the offset counted twice, they would soon leave 63 bits.
    expect(last).toBeLessThan(2n ** 62n)
  })

  test.each(['named', 'table'] as const)(
    'it names the users of backend %s, and changes nothing',
    async (from) => {
      const namespace = fresh()
      const user = pool(from, namespace, { applicationName: 'the user' })
      const lock = await user.acquire('orders')
      const refused = move(from === 'named' ? 'table' : 'named', namespace, '--timeout', '1s')
      expect(await refused.ended, refused.err).toBe(75)
      expect(refused.err).toMatch(
        from === 'named'
          ? new RegExp(`connection ${user.snapshot().sessions[0]!.serverId} of lockpool`)
          : /process \d+ on .*\(the user\)/,
      )
      expect(await record(namespace)).toBe(from)
      expect(lock.state).toBe('held')
      await lock.release()
      await pool(from, namespace).ready()
    },
  )

  test('a pool that keeps no tokens is a user as well', async () => {
    const namespace = fresh()
    const user = pool('named', namespace, { fencing: 'off' })
    const lock = await user.acquire('orders')
    const refused = move('table', namespace, '--timeout', '500ms')
    expect(await refused.ended).toBe(75)
    await lock.release()
  })

  test('while it waits, no pool starts and no second move begins', async () => {
    const namespace = fresh()
    const lock = await pool('named', namespace).acquire('orders')
    const first = move('table', namespace)
    await expect.poll(() => record(namespace)).toBe('moving from named')
    for (const backend of ['named', 'table'] as const)
      expect(await rejection(pool(backend, namespace).ready())).toMatchObject({
        code: 'BACKEND_MISMATCH',
        retryable: true,
        message: expect.stringMatching(/being moved .* by lockpool migrate-backend, process \d+/),
      })
    const doctor = lockpool(['doctor'], { url: world.url })
    expect(await doctor.ended).toBe(0)
    expect(doctor.out.toString()).toMatch(/are being\s+moved to another backend by lockpool migrate-backend/)
    const second = move('named', namespace)
    expect(await second.ended).toBe(75)
    expect(second.err).toMatch(/which moves the namespace since/)
    expect(await record(namespace)).toBe('moving from named')

    await lock.release()
    await world.closeAll()
    expect(await first.ended, first.err).toBe(0)
    expect(await record(namespace)).toBe('table')
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it, and then nothing has changed', async (signal) => {
    const namespace = fresh()
    const lock = await pool('named', namespace).acquire('orders')
    const moving = move('table', namespace)
    await expect.poll(() => record(namespace)).toBe('moving from named')
    moving.kill(signal)
    expect(await moving.ended).toBe(signal)
    expect(moving.err).toContain(`nothing was changed, ended by ${signal}`)
    expect(await record(namespace)).toBe('named')
    await lock.release()
  })

  test.each([
    ['the next pool undoes it', false],
    ['the next move goes on from there', true],
  ])('if it is killed, %s', async (_, movesAgain) => {
    const namespace = fresh()
    const user = pool('named', namespace)
    const lock = await user.acquire('orders')
    const moving = move('table', namespace)
    await expect.poll(() => record(namespace)).toBe('moving from named')
    await moving.abandon()
    await lock.release()
    if (!movesAgain) {
      // The server notices the end of the connection a moment later.
      await expect
        .poll(() =>
          pool('named', namespace)
            .ready()
            .then(
              () => true,
              () => false,
            ),
        )
        .toBe(true)
      expect(await record(namespace)).toBe('named')
      return
    }
    await user.close()
    const again = move('table', namespace, '--json')
    expect(await again.ended, again.err).toBe(0)
    expect(JSON.parse(again.out.toString())).toMatchObject({ from: 'named', to: 'table' })
    await pool('table', namespace).ready()
  })

  test('if its session ends while it waits, it says so, and puts the old backend back', async () => {
    const namespace = fresh()
    const lock = await pool('named', namespace).acquire('orders')
    const moving = move('table', namespace)
    await expect.poll(() => record(namespace)).toBe('moving from named')
    const [row] = await world.server.query<{ by: string }>(
      `SELECT used_by AS \`by\` FROM ${database}.lockpool_backend WHERE namespace = ?`,
      [namespace],
    )
    await world.server.kill(Number(/connection (\d+)$/.exec(row!.by)![1]))
    expect(await moving.ended).toBe(69)
    expect(await record(namespace)).toBe('named')
    await lock.release()
  })

  test('it fails when its record was changed meanwhile', async () => {
    const namespace = fresh()
    const user = pool('named', namespace)
    const lock = await user.acquire('orders')
    const moving = move('table', namespace)
    await expect.poll(() => record(namespace)).toBe('moving from named')
    await world.server.query(
      `UPDATE ${database}.lockpool_backend SET backend = 'named', used_by = 'a person' WHERE namespace = ?`,
      [namespace],
    )
    await lock.release()
    await user.close()
    expect(await moving.ended).toBe(69)
    expect(moving.err).toContain('has changed meanwhile')
    expect(await record(namespace)).toBe('named')
  })

  test('a namespace without a record gets one, and a move to the same backend changes nothing', async () => {
    const namespace = fresh()
    const first = move('table', namespace, '--json')
    expect(await first.ended, first.err).toBe(0)
    expect(JSON.parse(first.out.toString())).toMatchObject({ from: null, to: 'table' })
    const lock = await pool('table', namespace).acquire('orders')
    const again = move('table', namespace)
    expect(await again.ended, again.err).toBe(0)
    expect(lock.state).toBe('held')
    await lock.release()
  })

  afterAll(async () => {
    if (noMariaDb !== null) return
    expect(
      await world.server.query(
        `SELECT namespace FROM ${database}.lockpool_backend WHERE backend LIKE 'moving%'`,
      ),
    ).toEqual([])
  })
})
