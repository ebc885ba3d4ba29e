import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { int32, message } from '../../../src/serve/messages/backend.js'
import { ask, serveWorld } from '../../support/serve-world.js'
import * as wire from '../../support/wire-client.js'
import { WireClient } from '../../support/wire-client.js'

const world = serveWorld()

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lockpool-serve-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function loggedIn(): Promise<WireClient> {
  const client = await WireClient.connect(await world.front())
  await client.logIn()
  return client
}

const LOCK = 'SELECT pg_try_advisory_lock($1)'

describe('the extended protocol', () => {
  test('keeps the unnamed statement beyond a Sync, as lib/pq wants it', async () => {
    const client = await loggedIn()
    client.send(wire.parse('', LOCK), wire.describeStatement(''), wire.SYNC)
    expect(await client.until('Z')).toBe('1 t T Z')
    client.take()
    client.send(wire.bind('', '', [Buffer.from('7')]), wire.execute(''), wire.SYNC)
    expect(await client.until('Z')).toBe('2 D C Z')
  })

  test('suspends a portal after its row, as asyncpg wants it, and sends what there is at a Flush', async () => {
    const client = await loggedIn()
    client.send(wire.parse('s', LOCK), wire.describeStatement('s'), wire.FLUSH)
    expect(await client.until('T')).toBe('1 t T')
    client.take()
    client.send(wire.bind('', 's', [int32(7)], [1], [1]), wire.execute('', 1), wire.SYNC)
    // The function takes an int8, and four bytes are too short for one.
    expect([await client.until('Z'), client.states]).toEqual(['E Z', ['08P01']])
    client.take()
    const key = Buffer.from([0, 0, 0, 0, 0, 0, 0, 7])
    client.send(wire.bind('', 's', [key], [1], [1]), wire.execute('', 1), wire.execute('', 1), wire.SYNC)
    expect(await client.until('Z')).toBe('2 D s C Z')
    expect(client.bodies('D')).toEqual([Buffer.from([0, 1, 0, 0, 0, 1, 1])])
  })

  test('runs BEGIN and a lock in one group, as JDBC sends them, and sends no description without a Describe', async () => {
    const client = await loggedIn()
    const begin = [wire.parse('', 'BEGIN'), wire.bind('', ''), wire.execute('')]
    client.send(...begin, wire.parse('S_1', LOCK, [20]), wire.bind('', 'S_1', [Buffer.from('7')]))
    client.send(wire.execute(''), wire.SYNC)
    expect(await client.until('Z')).toBe('1 2 C 1 2 D C Z')
    expect(client.bodies('Z')).toEqual([Buffer.from('T')])
  })

  test('skips messages after an error until the next Sync, and releases what the group has locked', async () => {
    const client = await loggedIn()
    const lock = [wire.parse('', 'SELECT pg_advisory_xact_lock(9)'), wire.bind('', ''), wire.execute('')]
    client.send(
      ...lock,
      wire.parse('', 'nonsense'),
      wire.bind('', ''),
      wire.execute(''),
      wire.SYNC,
      wire.SYNC,
    )
    expect(await client.until('Z', 2)).toBe('1 2 D C E Z Z')
    expect(await world.isFree(9)).toBe(true)
  })

  test('holds a lock of a group without BEGIN until its Sync', async () => {
    const client = await loggedIn()
    client.send(
      wire.parse('', 'SELECT pg_advisory_xact_lock(9)'),
      wire.bind('', ''),
      wire.execute(''),
      wire.FLUSH,
    )
    await client.until('C')
    expect(await world.isFree(9)).toBe(false)
    client.send(wire.SYNC)
    await client.until('Z')
    expect(await world.isFree(9)).toBe(true)
  })

  test('handles an empty statement, and one without rows', async () => {
    const client = await loggedIn()
    client.send(wire.parse('', ''), wire.bind('', ''), wire.describePortal(''), wire.execute(''), wire.SYNC)
    expect(await client.until('Z')).toBe('1 2 n I Z')
    client.take()
    client.send(wire.query('/* ping */;'))
    expect(await client.until('Z')).toBe('I Z')
    client.take()
    client.send(wire.query('SET lock_timeout = 5; SELECT 1; SHOW lock_timeout'))
    expect(await client.until('Z')).toBe('C T D C T D C Z')
  })

  test('describes a lock before it waits for it', async () => {
    const client = await loggedIn()
    await world.database.query('SELECT pg_advisory_lock(3)')
    client.send(wire.query("SET lock_timeout = '20ms'"), wire.query('SELECT pg_advisory_lock(3)'))
    expect([await client.until('Z', 2), client.states]).toEqual(['C Z T E Z', ['55P03']])
    await world.database.query('SELECT pg_advisory_unlock_all()')
  })

  test.each([
    ['a statement that does not exist', wire.bind('', 'none'), '26000'],
    ['a portal that does not exist', wire.execute('none'), '34000'],
    ['two statements in one', wire.parse('', 'SELECT 1; SELECT 2'), '42601'],
    ['a string that does not end', wire.parse('', "SELECT 'x"), '42601'],
    ['too few values', Buffer.concat([wire.parse('', LOCK), wire.bind('', '')]), '08P01'],
    ['a type that is no key', wire.parse('', LOCK, [1043]), '42883'],
    [
      'COPY',
      Buffer.concat([wire.parse('', 'COPY t FROM STDIN'), wire.bind('', ''), wire.execute('')]),
      '0A000',
    ],
    [
      'an advisory function in a shape that is not known',
      wire.parse('', 'SELECT 1 FROM t WHERE pg_try_advisory_lock(1)'),
      '0A000',
    ],
    ['a key that does more than compute', wire.parse('', 'SELECT pg_advisory_lock(my_function())'), '0A000'],
  ])('refuses %s', async (_, sent, state) => {
    const client = await loggedIn()
    client.send(sent, wire.SYNC)
    await client.until('Z')
    expect(client.states).toEqual([state])
  })

  test('refuses function calls, and continues', async () => {
    const client = await loggedIn()
    client.send(message(0x46, Buffer.alloc(10)), wire.query('SELECT 1'))
    expect([await client.until('Z', 2), client.states]).toEqual(['E Z T D C Z', ['0A000']])
  })
})

describe('a connection', () => {
  test('gets a refusal of GSS, and of TLS where there is none, and logs in then', async () => {
    const client = await WireClient.connect(await world.front())
    const raw: Buffer[] = []
    client.socket.removeAllListeners('data')
    client.socket.on('data', (chunk) => raw.push(chunk))
    for (const code of [80_877_104, 80_877_103]) {
      client.send(int32(8), int32(code))
      await once(client.socket, 'data')
    }
    client.startup({ user: 'me' })
    await once(client.socket, 'data')
    expect(Buffer.concat(raw).toString('latin1', 0, 3)).toBe('NNR')
    client.socket.destroy()
  })

  test('that asks for a later protocol is answered in this one', async () => {
    const client = await WireClient.connect(await world.front())
    client.startup({ user: 'me', '_pq_.unknown': 'x' }, 196_610)
    expect(await client.until('Z')).toMatch(/^v R (S )+K Z$/)
    // Protocol 3.0, and the one unknown option.
    const answer = Buffer.concat([int32(196_608), int32(1), Buffer.from('_pq_.unknown\0')])
    expect(client.bodies('v')).toEqual([answer])
    client.socket.destroy()
  })

  test('ends after a message that is invalid or too long', async () => {
    const front = await world.front()
    for (const bytes of [Buffer.from('?\0\0\0\x04'), Buffer.from([0x51, 0x7f, 0xff, 0xff, 0xff])]) {
      const client = await WireClient.connect(front)
      await client.logIn()
      client.send(bytes)
      await client.closed()
      expect(client.states).toEqual(['08P01'])
    }
  })

  test('ends in time if it does not log in, and one connection too many is refused', async () => {
    const front = await world.front({ loginTimeoutMs: 100, maxClients: 2 })
    const silent = await WireClient.connect(front)
    await silent.closed()
    const clients = await Promise.all([world.client(front), world.client(front)])
    await expect(world.client(front)).rejects.toMatchObject({ code: '53300' })
    await clients[0].end()
    await expect.poll(() => front.front.clients).toBe(1)
    await world.client(front)
  })

  test('ends after a silence that is too long', async () => {
    const client = await WireClient.connect(await world.front({ idleTimeoutMs: 100 }))
    await client.logIn()
    await client.closed()
    expect(client.states).toEqual(['57P05'])
  })

  test('that idles in a transaction ends as the client has configured', async () => {
    const client = await loggedIn()
    client.send(wire.query("SET idle_in_transaction_session_timeout = '50ms'"), wire.query('BEGIN'))
    await client.closed()
    expect(client.states).toEqual(['25P03'])
  })
})

describe('a password', () => {
  async function users(): Promise<string> {
    const file = join(folder, 'users.txt')
    const { rows } = await world.database.query<{ secret: string }>(`
      SELECT rolpassword AS secret FROM pg_authid WHERE rolname = current_user`)
    const verifier = rows[0]!.secret
    await writeFile(file, `"plain" "pencil"\n"copied" "${verifier}"\n`)
    return file
  }

  test("is checked, whether the file has the password or PostgreSQL's hash of it", async () => {
    const front = await world.front({ usersFile: await users() })
    const { password } = new URL(world.database.url)
    expect(await ask(await world.client(front, { user: 'plain', password: 'pencil' }), 'SELECT 1')).toEqual([
      [1],
    ])
    await world.client(front, { user: 'copied', password: decodeURIComponent(password) })
    for (const [user, wrong] of [
      ['plain', 'pen'],
      ['copied', 'pencil'],
      ['nobody', 'pencil'],
    ] as const)
      await expect(world.client(front, { user, password: wrong })).rejects.toMatchObject({ code: '28P01' })
  })

  test('goes over TLS to a client that asks for it', async () => {
    const certificate = new URL('../../support/tls/', import.meta.url).pathname
    const tls = { certFile: join(certificate, 'server.crt'), keyFile: join(certificate, 'server.key') }
    const front = await world.front({ usersFile: await users(), tls })
    const ca = await readFile(tls.certFile, 'utf8')
    const ssl = { ca, checkServerIdentity: () => undefined }
    const client = await world.client(front, { user: 'plain', password: 'pencil', ssl })
    expect(await ask(client, 'SELECT pg_try_advisory_lock(1)')).toEqual([[true]])
    const direct = { user: 'plain', password: 'pencil', ssl, sslNegotiation: 'direct' }
    expect(await ask(await world.client(front, direct), 'SELECT pg_try_advisory_lock(1)')).toEqual([[false]])
  })
})
