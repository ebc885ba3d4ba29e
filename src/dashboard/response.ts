import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { printable } from '../base/printable.js'
import type { ProblemJson } from './state-json.js'
import type { Refusal } from './request-guard.js'

const compress = promisify(gzip)

/** Shorter texts are not worth compressing. */
const COMPRESS_FROM = 1000

/** No foreign origins, nothing inline, no framing, no text that becomes code. */
export const CONTENT_SECURITY_POLICY: string = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const ALWAYS: Readonly<Record<string, string>> = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

export function response(
  status: number,
  body: string | Uint8Array<ArrayBuffer> | null,
  headers: Readonly<Record<string, string>>,
): Response {
  return new Response(body, { status, headers: { ...ALWAYS, ...headers } })
}

/** Never cached: it is outdated when it arrives. */
export async function jsonResponse(
  request: Request,
  value: object,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  // In JSON, control characters can only be inside strings.
  const text = printable(JSON.stringify(value))
  const all = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', ...headers }
  if (text.length < COMPRESS_FROM || !acceptsGzip(request)) return response(status, text, all)
  // The fastest level: the state of two thousand locks is sent every two seconds, mostly on the same machine.
  const bytes = await compress(text, { level: 1 })
  return response(status, new Uint8Array(bytes), {
    ...all,
    'content-encoding': 'gzip',
    vary: 'accept-encoding',
  })
}

export function refuse(request: Request, { status, code, message }: Refusal): Promise<Response> {
  const headers: Record<string, string> = status === 401 ? { 'www-authenticate': 'Bearer' } : {}
  const problem: ProblemJson = { error: { code, message } }
  return jsonResponse(request, problem, status, headers)
}

/**
 * Next.js (16.4) drops the header `content-encoding` of what a route handler answers, so a browser could not read a compressed
 * answer. Its requests have a `nextUrl`; it compresses answers itself.
 */
export function acceptsGzip(request: Request): boolean {
  if ('nextUrl' in request) return false
  return /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '')
}
