import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lockpool, type Started } from '../../support/command-line.js'
import { ask, serveWorld } from '../../support/serve-world.js'

const world = serveWorld()

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lockpool-serve-'))
})
afterAll(() => rm(folder, { recursive: true }))

interface Serving {
  readonly started: Started
  readonly port: number
}

async function serve(...flags: string[]): Promise<Serving> {
  const args = ['serve', '--json', '--listen', '127.0.0.1:0', ...flags]
  const started = lockpool(args, { url: world.database.url })
  await started.says('\n')
  const first = JSON.parse(started.out.toString().split('\n')[0]!) as { port: number }
  expect(first).toEqual({ version: 1, event: 'listening', host: '127.0.0.1', port: first.port })
  return { started, port: first.port }
}

/** Resolves when clients can't connect any more. */
async function refusesClients(port: number): Promise<void> {
  const connects = (): Promise<boolean> =>
    world.client({ port }).then(
      () => true,
      () => false,
    )
  await expect.poll(connects).toBe(false)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

describe('lockpool serve', () => {
  test('disconnects idle clients at SIGTERM, and gives the one with a lock time to release it', async () => {
    const { started, port } = await serve('--trust', '--grace', '30s')
    const [idle, holder] = [await world.client({ port }), await world.client({ port })]
    const codes: unknown[] = []
    idle.on('error', (error) => codes.push((error as pg.DatabaseError).code))
    await ask(holder, 'SELECT pg_advisory_lock(1)')
    started.kill('SIGTERM')
    await expect.poll(() => codes).toContain('57P01')
    await refusesClients(port)
    expect(await world.isFree(1)).toBe(false)
    expect(await ask(holder, 'SELECT pg_advisory_unlock(1)')).toEqual([[true]])
    expect(await started.ended).toBe(0)
  })

  test('ends at once at a second SIGTERM, and leaves no lock', async () => {
    const { started, port } = await serve('--trust', '--grace', '10m')
    const holder = await world.client({ port })
    await ask(holder, 'SELECT pg_advisory_lock(1)')
    started.kill('SIGTERM')
    await refusesClients(port)
    started.kill('SIGTERM')
    expect(await started.ended).toBe(0)
    await expect.poll(() => world.isFree(1)).toBe(true)
  })

  test('reads its users again at SIGHUP, and keeps the old ones if the file is wrong', async () => {
    const file = join(folder, 'users.txt')
    await writeFile(file, '"one" "first"\n')
    const { started, port } = await serve('--users', file)
    await world.client({ port }, { user: 'one', password: 'first' })
    await writeFile(file, '"one" "second"\n')
    started.kill('SIGHUP')
    await expect.poll(() => started.err).toContain('were read again')
    await world.client({ port }, { user: 'one', password: 'second' })
    await writeFile(file, 'nonsense\n')
    started.kill('SIGHUP')
    await expect.poll(() => started.err).toContain('nothing was changed')
    await world.client({ port }, { user: 'one', password: 'second' })
    started.kill('SIGTERM')
    expect(await started.ended).toBe(0)
  })

  test('that is stopped is killed by its watchdog so that its clients know before the lease is over', async () => {
    const { started, port } = await serve('--trust', '--lease', '4s')
    const holder = await world.client({ port })
    await ask(holder, 'SELECT pg_advisory_lock(1)')
    const gone = new Promise((resolve) => holder.once('end', resolve))
    started.kill('SIGSTOP')
    await gone
    expect(await started.ended).toBe('SIGKILL')
    await expect.poll(() => world.isFree(1), { timeout: 10_000 }).toBe(true)
  })

  test('that is killed frees its locks, and its clients know', async () => {
    const { started, port } = await serve('--trust')
    const holder = await world.client({ port })
    await ask(holder, 'SELECT pg_advisory_lock(1)')
    const gone = new Promise((resolve) => holder.once('end', resolve))
    started.kill('SIGKILL')
    await gone
    await expect.poll(() => world.isFree(1), { timeout: 10_000 }).toBe(true)
  })

  test('counts its clients and locks for Prometheus', async () => {
    const metricsPort = await freePort()
    const { started, port } = await serve('--trust', '--metrics', `127.0.0.1:${metricsPort}`)
    const client = await world.client({ port })
    await ask(client, 'SELECT pg_advisory_lock(1)')
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
    expect(text).toMatch(/^lockpool_serve_clients 1$/m)
    expect(text).toMatch(/^lockpool_lock_held\{.*pool_name="serve".*\} 1$/m)
    expect((await fetch(`http://127.0.0.1:${metricsPort}/`)).status).toBe(404)
    started.kill('SIGTERM')
    await client.end()
    expect(await started.ended).toBe(0)
  })

  test('says what is wrong with its files, its port and its database', async () => {
    const missing = lockpool(['serve', '--users', join(folder, 'none')], { url: world.database.url })
    expect([await missing.ended, missing.err]).toEqual([78, expect.stringContaining('none')])
    const { port, started } = await serve('--trust')
    const taken = lockpool(['serve', '--trust', '--listen', `127.0.0.1:${port}`], { url: world.database.url })
    expect([await taken.ended, taken.err]).toEqual([
      69,
      expect.stringContaining(`can't listen on 127.0.0.1:${port}`),
    ])
    started.kill('SIGINT')
    expect(await started.ended).toBe(0)
    const open = lockpool(['serve'], { url: world.database.url })
    expect([await open.ended, open.err]).toEqual([64, expect.stringContaining('who may log in?')])
  })
})
