import { copyFile, chmod, chown, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EmbeddedPostgres } from '../../src/embedded/index.js'
import { findSystemAccount } from '../../src/embedded/system-account.js'
import { LockPool, type LockPoolOptions } from '../../src/postgres-lock-pool.js'
import { rejection } from '../support/fake-world.js'
import { startServer } from '../support/own-server.js'

/** A self-signed certificate for 127.0.0.1 that only these tests use. */
const TLS = new URL('../support/tls/', import.meta.url)

const SSL_OF_OURSELVES = `SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()`

let folder: string
let server: EmbeddedPostgres

beforeAll(async () => {
  // The server refuses a key that other users can read.
  folder = await mkdtemp(join(tmpdir(), 'lockpool-tls-'))
  await chmod(folder, 0o755)
  const account = findSystemAccount()
  for (const name of ['server.key', 'server.crt']) {
    const path = join(folder, name)
    await copyFile(new URL(name, TLS), path)
    await chmod(path, 0o600)
    if (account !== null) await chown(path, account.userId, account.groupId)
  }
  server = await startServer({
    ssl: 'on',
    ssl_key_file: join(folder, 'server.key'),
    ssl_cert_file: join(folder, 'server.crt'),
  })
})

afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true })
})

async function sslOf(connection: LockPoolOptions['connection']): Promise<unknown> {
  await using locks = new LockPool({ connection: connection! })
  const lock = await locks.acquire('orders')
  await lock.release()
  const { rows } = await locks.connections.use((leased) => leased.query(SSL_OF_OURSELVES))
  return rows[0]
}

test('locks work over TLS, with the certificate checked', async () => {
  const ca = await readFile(new URL('server.crt', TLS), 'utf8')

  expect(await sslOf({ connectionString: server.url, ssl: { ca } })).toMatchObject({ ssl: true })
  const file = join(folder, 'ca.crt')
  await copyFile(new URL('server.crt', TLS), file)
  expect(await sslOf(`${server.url}?sslmode=verify-full&sslrootcert=${file}`)).toMatchObject({ ssl: true })
})

test('a certificate without a trusted issuer is refused, unless the options allow it', async () => {
  await using locks = new LockPool({ connection: `${server.url}?sslmode=verify-full` })

  expect(await rejection(locks.acquire('orders'))).toMatchObject({
    code: 'CONNECTION_FAILED',
    message: expect.stringMatching(/self[- ]signed/),
  })
  expect(await sslOf(`${server.url}?sslmode=no-verify`)).toMatchObject({ ssl: true })
  expect(await sslOf(`${server.url}?sslmode=disable`)).toMatchObject({ ssl: false })
})

test('a client that requires TLS gets a clear error from a server without it', async () => {
  await using plain = await startServer()
  await using locks = new LockPool({ connection: `${plain.url}?sslmode=verify-full` })

  expect(await rejection(locks.acquire('orders'))).toMatchObject({
    code: 'CONNECTION_FAILED',
    message: expect.stringMatching(/SSL/),
  })
})
