import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { EmbeddedPostgresError } from './embedded-postgres-error.js'

export const LOOPBACK = '127.0.0.1'

/**
 * The first port to try. The range is below the ports for outgoing connections (Linux from 32768, others from 49152). A
 * client that connects repeatedly while the server restarts could otherwise get the server's port as its own: it would
 * connect to itself, and keep the server from starting.
 */
const FIRST_PORT = 20_000
const LAST_PORT = 32_767

const MAX_ATTEMPTS = 100

/** A port that was free a moment ago. Another program may still take it first. */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1)
    if (await isFree(port)) return port
  }
  throw new EmbeddedPostgresError(
    'PORT_IN_USE',
    `${MAX_ATTEMPTS} ports from ${FIRST_PORT} to ${LAST_PORT} were tried, and all are in use`,
  )
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
