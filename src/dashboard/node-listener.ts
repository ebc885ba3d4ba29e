import type { IncomingMessage, ServerResponse } from 'node:http'
import { writeError } from './error-log.js'

/** The listener that `node:http`, Express and similar servers call with each request. */
export type NodeListener = (
  request: IncomingMessage & { readonly originalUrl?: string },
  response: ServerResponse,
) => void

/** The page never sends more. */
const LONGEST_BODY = 10_000

/** Lets a handler of web requests answer in a server of Node. */
export function nodeListener(handle: (request: Request) => Promise<Response>): NodeListener {
  return (incoming, outgoing) => {
    answer(handle, incoming, outgoing).catch((error: unknown) => {
      // Mostly a client that has disconnected. It must not affect other requests.
      if (outgoing.headersSent) outgoing.destroy(error as Error)
      else outgoing.writeHead(500, { 'content-type': 'text/plain' }).end('internal error')
    })
  }
}

async function answer(
  handle: (request: Request) => Promise<Response>,
  incoming: IncomingMessage & { readonly originalUrl?: string },
  outgoing: ServerResponse,
): Promise<void> {
  const request = await requestOf(incoming)
  if (typeof request === 'number') {
    outgoing.writeHead(request, { connection: 'close' }).end()
    return
  }
  const response = await handle(request).catch((error: unknown) => {
    writeError(error)
    return null
  })
  if (response === null) {
    outgoing.writeHead(500, { 'content-type': 'text/plain' }).end('internal error')
    return
  }
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  if (incoming.method === 'HEAD' || response.body === null) outgoing.end()
  else outgoing.end(Buffer.from(await response.arrayBuffer()))
}

/**
 * The request, or the status of a refusal: 400 without a valid `Host` header, 413 for a body that is too long. Express
 * shortens `url` by the path where this is mounted, but not `originalUrl`.
 */
async function requestOf(
  incoming: IncomingMessage & { readonly originalUrl?: string },
): Promise<Request | 400 | 413> {
  const { host } = incoming.headers
  const path = incoming.originalUrl ?? incoming.url ?? '/'
  const base = `http://${host ?? ''}`
  if (host === undefined || !URL.canParse(base) || !path.startsWith('/')) return 400
  const headers = new Headers()
  for (const [name, value] of Object.entries(incoming.headers))
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value)
  const method = incoming.method ?? 'GET'
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const body = hasBody ? await bodyOf(incoming) : undefined
  if (body === null) return 413
  // Not resolved against the base: a path that begins with two slashes would name another host.
  try {
    return new Request(base + path, { method, headers, ...(body === undefined ? {} : { body }) })
  } catch {
    // The method does not exist, or the host contains a password.
    return 400
  }
}

async function bodyOf(incoming: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of incoming) {
    length += (chunk as Buffer).length
    if (length > LONGEST_BODY) return null
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString()
}
