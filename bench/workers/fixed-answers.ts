import { createServer, type AddressInfo, type Socket } from 'node:net'
import { cpuUsage } from 'node:process'
import { serve } from '../worker.js'
import type { FrontAnswer } from './front-terms.js'

/**
 * A server that reads nothing and knows nothing: it sends the same bytes for every message. What it needs is the least
 * that a front in Node.js can need, so its figures say which targets are possible on a machine.
 */

/** AuthenticationOk and ReadyForQuery. */
const WELCOME = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49])

/** What PostgreSQL sends for `SELECT pg_advisory_lock(1)`: a column, a row, the tag and ReadyForQuery. */
const ANSWER = Buffer.concat([
  message('T', [
    int16(1),
    Buffer.from('pg_advisory_lock\0'),
    int32(0),
    int16(0),
    int32(2278),
    int16(4),
    int32(-1),
    int16(0),
  ]),
  message('D', [int16(1), int32(0)]),
  message('C', [Buffer.from('SELECT 1\0')]),
  message('Z', [Buffer.from('I')]),
])

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function message(type: string, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}

function answer(socket: Socket): void {
  socket.once('data', () => {
    socket.write(WELCOME)
    socket.on('data', () => socket.write(ANSWER))
  })
  // A client that goes away is no error here.
  socket.on('error', () => {})
}

const server = createServer({ noDelay: true }, answer)
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo

serve(
  (): Promise<FrontAnswer> => {
    const { user, system } = cpuUsage()
    return Promise.resolve({ port, cpuMicroseconds: user + system })
  },
  () => {
    server.close()
    process.exit()
  },
)
