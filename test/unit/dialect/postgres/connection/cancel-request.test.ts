import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, Socket, type AddressInfo, type Server } from 'node:net'
import { TLSSocket } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import {
  requestCancel,
  requestCancelOnce,
  type CancelTarget,
} from '../../../../../src/dialect/postgres/connection/cancel-request.js'
import { ManualClock } from '../../../../../src/testing/manual-clock.js'

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
/** A cancel request for process 7 with the key -2. */
const CANCEL = Buffer.from([0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 7, 255, 255, 255, 254])

const open = new Set<Socket | Server>()
afterEach(() => {
  for (const each of open) {
    if (each instanceof Socket) each.destroy()
    else each.close()
  }
  open.clear()
})

/** Starts a server that accepts connections, and returns its port. */
async function server(accept: (socket: Socket) => void): Promise<number> {
  const listening = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => undefined)
    accept(socket)
  })
  open.add(listening)
  listening.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  return (listening.address() as AddressInfo).port
}

function target(port: number, more: Partial<CancelTarget> = {}): CancelTarget {
  return {
    processID: 7,
    secretKey: -2,
    host: '127.0.0.1',
    port,
    address: undefined,
    ssl: false,
    sslNegotiation: 'postgres',
    makeStream: undefined,
    ...more,
  }
}

/** Reads a whole request, and then closes the connection, as PostgreSQL does. */
function heard(socket: Socket, requests: Buffer[]): void {
  const parts: Buffer[] = []
  socket.on('data', (bytes) => {
    parts.push(bytes)
    const all = Buffer.concat(parts)
    if (all.length < CANCEL.length) return
    requests.push(all)
    socket.end()
  })
}

test('a request has the process and its key, and is made once more a little later', async () => {
  const clock = new ManualClock()
  const requests: Buffer[] = []
  const port = await server((socket) => heard(socket, requests))

  await requestCancel(target(port), clock)
  expect(requests).toEqual([CANCEL])
  clock.advance(500)
  await expect.poll(() => requests).toEqual([CANCEL, CANCEL])
  await expect.poll(() => clock.armed).toBe(0)
})

test('it goes to the address of the session, even if its host name now has another address', async () => {
  const requests: Buffer[] = []
  const port = await server((socket) => heard(socket, requests))

  await requestCancel(target(port, { host: 'gone.invalid', address: '127.0.0.1' }), new ManualClock())

  expect(requests).toEqual([CANCEL])
})

test.each(['postgres', 'direct'])('with TLS (%s) no one on the way can read the key', async (negotiation) => {
  const requests: Buffer[] = []
  const tls = new URL('../../../../support/tls/', import.meta.url)
  const [key, cert] = ['server.key', 'server.crt'].map((name) => readFileSync(new URL(name, tls)))
  const isDirect = negotiation === 'direct'
  const secure = (socket: Socket): void =>
    heard(new TLSSocket(socket, { isServer: true, key, cert, ALPNProtocols: ['postgresql'] }), requests)
  const port = await server((socket) => {
    if (isDirect) return secure(socket)
    socket.once('data', (bytes) => {
      if (!bytes.equals(SSL_REQUEST)) return void requests.push(bytes)
      socket.write('S')
      secure(socket)
    })
  })
  const ssl = { ca: cert!.toString() }

  await requestCancel(
    target(port, { ssl, sslNegotiation: negotiation, address: '127.0.0.1' }),
    new ManualClock(),
  )

  expect(requests).toEqual([CANCEL])
})

test('a program that creates its own sockets also creates those of cancel requests', async () => {
  const requests: Buffer[] = []
  const port = await server((socket) => heard(socket, requests))
  let made = 0
  const makeStream = (): Socket => {
    made++
    return new Socket()
  }

  await requestCancel(target(port, { makeStream, address: '10.1.2.3' }), new ManualClock())

  expect(requests).toEqual([CANCEL])
  expect(made).toBe(1)
})

test('it does not wait for a silent server, and leaves no socket', async () => {
  const clock = new ManualClock()
  let closed = 0
  let came = 0
  const port = await server((socket) => {
    came++
    socket.resume()
    socket.on('close', () => closed++)
  })

  const requested = requestCancel(target(port), clock)
  await expect.poll(() => came).toBe(1)
  clock.advance(1000)
  await requested
  await expect.poll(() => came).toBe(2)
  clock.advance(14_999)
  expect(closed, 'a pooler that is slow still finds its client').toBe(0)
  clock.advance(1)
  await expect.poll(() => closed).toBe(1)
  clock.advance(200)

  await expect.poll(() => closed).toBe(2)
  expect(clock.armed).toBe(0)
})

test('a server that answers after the limit is the one that closes the connection', async () => {
  const clock = new ManualClock()
  const sockets: Socket[] = []
  const port = await server((socket) => {
    sockets.push(socket)
    socket.resume()
  })

  const requested = requestCancel(target(port), clock)
  await expect.poll(() => sockets.length).toBe(1)
  clock.advance(1000)
  await requested
  await expect.poll(() => sockets.length).toBe(2)
  clock.advance(5000)
  for (const socket of sockets) socket.end()

  await expect.poll(() => clock.armed).toBe(0)
})

test('a failure is never an error for the caller', async () => {
  const port = await server((socket) => socket.resetAndDestroy())
  const nobody = await server(() => undefined)
  for (const each of open)
    if (!(each instanceof Socket) && (each.address() as AddressInfo).port === nobody) each.close()
  const broken = (): never => {
    throw new Error('no sockets today')
  }
  const wrong = [
    target(port),
    target(nobody),
    target(port, { ssl: { ca: 'none' } }),
    target(port, { makeStream: broken }),
    target(-1),
    target(port, { host: '/nowhere/at/all' }),
  ]

  for (const each of wrong) await requestCancel(each, new ManualClock())
})

test('a request that could not be sent in time is never sent: it could cancel another statement', async () => {
  const clock = new ManualClock()
  const received: Buffer[] = []
  let closed = 0
  const port = await server((socket) => {
    socket.on('data', (bytes) => received.push(bytes))
    socket.on('close', () => closed++)
  })

  const requested = requestCancel(target(port, { ssl: { ca: 'none' }, sslNegotiation: 'postgres' }), clock)
  await expect.poll(() => received.length).toBe(1)
  clock.advance(1000)
  await requested
  await expect.poll(() => closed).toBe(1)
  clock.advance(1000)

  await expect.poll(() => closed).toBe(2)
  expect(clock.armed).toBe(0)
})

test('at most twenty sockets stay open for servers that do not answer', async () => {
  const clock = new ManualClock()
  let came = 0
  let closed = 0
  const port = await server((socket) => {
    came++
    socket.resume()
    socket.on('close', () => closed++)
  })

  const requested = Array.from({ length: 30 }, () => requestCancelOnce(target(port), clock))
  await expect.poll(() => came).toBe(30)
  clock.advance(1000)
  await Promise.all(requested)
  await expect.poll(() => closed).toBe(10)
  clock.advance(15_000)

  await expect.poll(() => closed).toBe(30)
})
