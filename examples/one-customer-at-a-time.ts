/**
 * An HTTP service that handles the requests of one customer one after the other, across all its instances, while
 * requests of different customers run in parallel.
 *
 * Ten thousand customers are ten thousand locks on a few connections. A request waits no longer than its client does:
 * the wait ends when the client has gone, and the client gets the advice to retry if the wait takes too long.
 *
 *     DATABASE_URL=postgres://... node examples/one-customer-at-a-time.ts
 *     curl -X POST localhost:3000/customers/17
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { LockPool } from 'lockpool'

export type Serve = (customer: string, signal: AbortSignal) => Promise<string>

export function customerService(locks: LockPool, serve: Serve, waitMs = 5000): Server {
  return createServer((request, response) => {
    const customer = /^\/customers\/(\w+)$/.exec(request.url ?? '')?.[1]
    if (customer === undefined) response.writeHead(404).end()
    else void answer(locks, request, response, customer, serve, waitMs)
  })
}

async function answer(
  locks: LockPool,
  request: IncomingMessage,
  response: ServerResponse,
  customer: string,
  serve: Serve,
  waitMs: number,
): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  request.resume()
  try {
    const options = { timeoutMs: waitMs, signal: gone.signal }
    const body = await locks.withLock(`customer ${customer}`, options, (lock) => serve(customer, lock.signal))
    response.writeHead(200).end(body)
  } catch (error) {
    const isBusy = (error as { code?: unknown }).code === 'LOCK_TIMEOUT'
    if (isBusy) response.writeHead(503, { 'retry-after': '1' }).end('busy')
    else response.writeHead(500).end()
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const locks = await new LockPool().ready()
  const server = customerService(locks, (customer) => Promise.resolve(`served ${customer}\n`))
  const port = Number(process.env['PORT'] ?? 3000)
  server.listen(port, () => console.log(`POST to http://localhost:${port}/customers/17`))
  process.once('SIGTERM', () => server.close(() => void locks.close()))
}
