// NestJS reads decorator metadata through functions that this import adds to `Reflect`.
// oxlint-disable-next-line import/no-unassigned-import
import 'reflect-metadata'
import { Module, type OnApplicationShutdown } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import fastify from 'fastify'
import { expect, test } from 'vitest'
import { closeOnSignals } from '../../examples/graceful-shutdown.js'
import type { LockPool } from '../../src/postgres-lock-pool.js'
import { lockWorld } from '../support/lock-world.js'
import { read } from '../support/repository.js'

/** Runs the lines of examples/graceful-shutdown.ts that close the pool within a framework, in that framework. */
const world = lockWorld()

const EXAMPLE = read('examples/graceful-shutdown.ts')
const HERE = read('test/examples/frameworks.test.ts')

/** Checks that the example contains the line, and that this file contains it a second time, as code that runs. */
function expectToBeRunHere(line: string): void {
  expect(EXAMPLE).toContain(line)
  expect(HERE.split(line).length, 'once as a text, and once as code').toBeGreaterThan(2)
}

async function expectClosed(locks: LockPool): Promise<void> {
  expect(locks.snapshot().state).toBe('closed')
  expect(await world.locks()).toEqual([])
}

test('Fastify: closing the app lets a request end that holds a lock, and gives everything back', async () => {
  expectToBeRunHere(`app.addHook('onClose', () => locks.close({ graceMs: 10_000 }))`)
  const locks = world.pool()
  // Without a short keep-alive time, the idle connection of `fetch` would keep the server open.
  const app = fastify({ keepAliveTimeout: 100 })
  app.addHook('onClose', () => locks.close({ graceMs: 10_000 }))
  let finish: (() => void) | null = null
  app.post('/work', () =>
    locks.withLock('work', () => new Promise<string>((resolve) => (finish = () => resolve('done')))),
  )
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const answer = fetch(`${url}/work`, { method: 'POST' })
  await expect.poll(() => finish, { timeout: 5000 }).not.toBe(null)

  const closing = app.close()
  finish!()

  expect(await (await answer).text()).toBe('done')
  await closing
  await expectClosed(locks)
})

test('NestJS: a provider closes the pool when the application shuts down', async () => {
  expectToBeRunHere('onApplicationShutdown() { return this.locks.close({ graceMs: 10_000 }) }')
  const locks = world.pool()
  class Locks implements OnApplicationShutdown {
    readonly locks = locks
    // prettier-ignore
    onApplicationShutdown() { return this.locks.close({ graceMs: 10_000 }) }
  }
  // This call does what the decorators would do. The compiler options of this repository do not allow decorators.
  // oxlint-disable-next-line typescript/no-extraneous-class
  class App {}
  Module({ providers: [Locks] })(App)
  const app = await NestFactory.createApplicationContext(App, { logger: false })
  const lock = await app.get(Locks).locks.acquire('work')
  await lock.release()

  await app.close()

  await expectClosed(locks)
})

test('Next.js, Express, node:http: the first signal closes the pool', async () => {
  const locks = world.pool()
  const lock = await locks.acquire('work')
  let isStopped = false

  closeOnSignals(locks, async () => {
    isStopped = true
    await lock.release()
  })
  process.emit('SIGTERM')

  await expect.poll(() => locks.snapshot().state, { timeout: 5000 }).toBe('closed')
  expect(isStopped).toBe(true)
  expect([process.listenerCount('SIGTERM'), process.listenerCount('SIGINT')]).toEqual([0, 0])
  await expectClosed(locks)
})
