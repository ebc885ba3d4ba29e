import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EmbeddedPostgres } from '../../src/embedded/index.js'
import { LockPool, type LockPoolOptions } from '../../src/postgres-lock-pool.js'
import { rejection } from '../support/fake-world.js'
import { startServer } from '../support/own-server.js'

/** Each problem on the way to the server makes a lock request fail with an error that has a code and says what to do. */

let server: EmbeddedPostgres
let parts: { host: string; port: number; user: string; password: string; database: string }

beforeAll(async () => {
  server = await startServer({ max_connections: 6, superuser_reserved_connections: 1 })
  const { hostname, port, username, password } = new URL(server.url)
  parts = {
    ...{ host: hostname, port: Number(port), user: username, password: decodeURIComponent(password) },
    database: 'postgres',
  }
  await using locks = new LockPool({ connection: parts, max: 2 })
  await locks.connections.query(`CREATE ROLE few LOGIN PASSWORD 'few' CONNECTION LIMIT 0`)
  await locks.connections.query(`CREATE DATABASE shut ALLOW_CONNECTIONS false`)
})

afterAll(() => server.stop())

type Connection = NonNullable<LockPoolOptions['connection']>

async function failure(connection: Connection): Promise<Error & Record<string, unknown>> {
  await using locks = new LockPool({ connection, max: 2, acquireTimeoutMs: 10_000 })
  return await rejection(locks.acquire('k'))
}

describe('a server that is there', () => {
  test.each<[what: string, change: object, again: boolean, message: RegExp]>([
    ['no TLS', { ssl: true }, false, /does not support SSL/],
    ['no password', { password: undefined }, false, /asks for a password, and none was given/],
    ['a password function that gives none', { password: () => undefined }, false, /asks for a password/],
    ['an empty password', { password: () => '' }, false, /asks for a password/],
    ['a password of a wrong type', { password: () => 12_345 }, false, /Password must be a string/],
    ['a wrong password', { password: 'wrong' }, false, /28P01/],
    [
      'a password service that is away',
      { password: () => Promise.reject(new Error('away')) },
      true,
      /^away$/,
    ],
    ['no such database', { database: 'nowhere' }, false, /"nowhere" does not exist \(3D000\)/],
    ['a database that takes nobody', { database: 'shut' }, true, /55000/],
    ['no such role', { user: 'nobody' }, false, /28P01|28000/],
    ['a role with too many connections', { user: 'few', password: 'few' }, true, /53300/],
    ['a setting that is none', { statement_timeout: 'soon' }, false, /22023/],
    ['an option that is none', { options: '-c nonsense=1' }, false, /42704/],
    ['too little time', { connectionTimeoutMillis: 50, port: 9, host: '192.0.2.1' }, true, /./],
  ])('%s', async (_, change, again, message) => {
    const error = await failure({ ...parts, ...change })
    expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: again })
    expect(error.message).toMatch(message)
  })

  test('too many connections', async () => {
    const crowd = new LockPool({ connection: parts, max: 7 })
    const taken = await Promise.all(Array.from({ length: 6 }, () => crowd.connections.connect()))
    expect(await failure(parts)).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true })
    for (const one of taken) one.release()
    await crowd.close()
  })
})

describe('a server that is not there', () => {
  test.each<[what: string, connection: Connection, again: boolean, message: RegExp]>([
    ['nobody listens', { host: '127.0.0.1', port: 9 }, true, /ECONNREFUSED/],
    ['nobody listens on any address', { host: 'localhost', port: 9 }, true, /ECONNREFUSED/],
    ['a name that is not known', { host: 'nowhere.invalid' }, true, /ENOTFOUND|EAI_AGAIN/],
    ['a socket that is not there', { host: join(tmpdir(), 'not-there') }, true, /ENOENT/],
  ])('%s', async (_, connection, again, message) => {
    const error = await failure({ user: 'postgres', ...(connection as object) })
    expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: again })
    expect(error.message).toMatch(message)
  })
})

/** Starts a server that sends `bytes` to every client, then calls `then`, and sends nothing else. */
async function saying(
  bytes: Buffer,
  then: (socket: Socket) => void = () => undefined,
): Promise<AsyncDisposable & { port: number }> {
  const sockets = new Set<Socket>()
  const listener = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => {
      socket.write(bytes)
      then(socket)
    })
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  return {
    port: (listener.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}

const authentication = (kind: number, ...rest: number[]): Buffer =>
  Buffer.from([0x52, 0, 0, 0, 8 + rest.length, 0, 0, 0, kind, ...rest])

const refusal = (code: string): Buffer => {
  const fields = Buffer.from(`SFATAL\0C${code}\0Mno\0\0`)
  const head = Buffer.from([0x45, 0, 0, 0, 0])
  head.writeInt32BE(fields.length + 4, 1)
  return Buffer.concat([head, fields])
}

describe('a server that says something else', () => {
  const end = (socket: Socket): unknown => socket.end()

  // For some of these answers the driver throws an uncaught exception.
  test.each<[what: string, bytes: Buffer, again: boolean, message: RegExp]>([
    ['Kerberos', authentication(2), false, /authentication.* 2/i],
    ['GSSAPI', authentication(7), false, /authentication.* 7/i],
    ['SSPI', authentication(9), false, /authentication.* 9/i],
    ['what nobody has thought of', authentication(99), false, /authentication.* 99/i],
    ['a mechanism that is not known', authentication(10, ...Buffer.from('FOO\0\0')), false, /SASL/],
    ['starting up', refusal('57P03'), true, /57P03/],
    ['shutting down', refusal('57P01'), true, /57P01/],
    ['no entry in pg_hba.conf', refusal('28000'), false, /28000/],
    ['good-bye', Buffer.alloc(0), true, /terminated unexpectedly|ECONNRESET/],
  ])('%s', async (_, bytes, again, message) => {
    await using other = await saying(bytes, (socket) => void (bytes.length === 0 && end(socket)))
    const error = await failure({ host: '127.0.0.1', port: other.port, user: 'u', password: 'p' })
    expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: again })
    expect(error.message).toMatch(message)
  })

  test.each<[what: string, bytes: string, again: boolean]>([
    ['no to TLS', 'N', false],
    ['an error instead of TLS', 'E', true],
    ['something else instead of TLS', 'HTTP/1.1 400 Bad Request\r\n\r\n', true],
    ['yes to TLS, and no TLS', 'SHTTP/1.1 400 Bad Request\r\n\r\n', true],
  ])('%s', async (_, bytes, again) => {
    await using other = await saying(Buffer.from(bytes))
    const error = await failure({ host: '127.0.0.1', port: other.port, user: 'u', password: 'p', ssl: true })
    expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: again })
  })
})
