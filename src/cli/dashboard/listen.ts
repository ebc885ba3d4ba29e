import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The port is in use, or this process may not use it. */
export class PortRefused extends Error {}

/** Listens on the first port that is free. */
export async function listen(
  listener: RequestListener,
  address: string,
  ports: readonly number[],
): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer(listener)
  for (const port of ports) {
    const error = await tryToListen(server, address, port)
    if (error === null) return { server, port: (server.address() as AddressInfo).port }
    if (error.code !== 'EADDRINUSE') throw new PortRefused(reasonOf(error, address, port))
  }
  const tried = ports.length === 1 ? `port ${ports[0]} is` : `ports ${ports[0]} to ${ports.at(-1)} are`
  throw new PortRefused(`${tried} in use on ${address}; choose another with --port, or 0 for any`)
}

async function tryToListen(
  server: Server,
  address: string,
  port: number,
): Promise<NodeJS.ErrnoException | null> {
  const failed = new AbortController()
  const error = once(server, 'error', { signal: failed.signal }).then(
    ([cause]) => cause as NodeJS.ErrnoException,
    () => null,
  )
  const listening = once(server, 'listening', { signal: failed.signal }).then(
    () => null,
    () => null,
  )
  server.listen(port, address)
  const outcome = await Promise.race([error, listening])
  failed.abort()
  return outcome
}

function reasonOf({ code, message }: NodeJS.ErrnoException, address: string, port: number): string {
  if (code === 'EACCES') return `port ${port} is not for ordinary users; choose another with --port`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `${address} is no address of this host`
  return `can't listen on ${address}, port ${port}: ${message}`
}
