import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../base/clock.js'
import { LOOPBACK_HOSTS, type DashboardOptions } from './dashboard-options.js'

/** The status and the reason of a refusal. */
export interface Refusal {
  readonly status: 401 | 403 | 404 | 405 | 415 | 429 | 500
  readonly code: string
  readonly message: string
}

/**
 * After this many wrong tokens in this time, further wrong tokens are refused for a while. The right token always works:
 * guessing must not lock out its owner, and with 16 characters and more guessing is hopeless.
 */
const MOST_GUESSES = 10
const GUESSES_MS = 60_000

/** Decides which requests may read, and which may end a session. */
export class RequestGuard {
  /** Sent with the state, and required in requests that change something: another site cannot know it. */
  readonly csrf: string = randomBytes(24).toString('base64url')
  readonly #options: Required<DashboardOptions>
  readonly #clock: Clock
  readonly #hosts: ReadonlySet<string>
  readonly #report: ((error: unknown) => void) | undefined
  #guesses: number[] = []

  constructor(options: Required<DashboardOptions>, clock: Clock, report?: (error: unknown) => void) {
    this.#options = options
    this.#clock = clock
    this.#report = report
    this.#hosts = new Set(
      (options.hosts.length > 0 ? options.hosts : LOOPBACK_HOSTS).map((host) => host.toLowerCase()),
    )
  }

  /** For every request, also for the page itself. */
  refusalOfAny(request: Request, url: URL): Refusal | null {
    const host = (request.headers.get('host') ?? url.host).toLowerCase().replace(/:\d+$/, '')
    if (this.#hosts.has(host)) return null
    const message = 'this host name is not among the "hosts" of the dashboard'
    return { status: 403, code: 'HOST_REFUSED', message }
  }

  refusalOfReading(request: Request): Refusal | null {
    // Another site could not read the answer, but there is no reason to do the work for it.
    const site = request.headers.get('sec-fetch-site')
    if (site === 'cross-site' || site === 'same-site')
      return { status: 403, code: 'SITE_REFUSED', message: 'the request comes from another site' }
    return this.#options.readers === 'token' ? this.#refusalOfToken(request) : null
  }

  refusalOfEnding(request: Request, url: URL): Refusal | null {
    if (!this.#options.ending)
      return { status: 403, code: 'READ_ONLY', message: 'this dashboard is read-only' }
    const { headers } = request
    if (!/^application\/json\b/i.test(headers.get('content-type') ?? ''))
      return { status: 415, code: 'NOT_JSON', message: 'the body must be application/json' }
    const host = headers.get('host') ?? url.host
    const origin = headers.get('origin')
    if (origin === null || !isOriginOf(origin, host))
      return { status: 403, code: 'ORIGIN_REFUSED', message: 'the request comes from another site' }
    const site = headers.get('sec-fetch-site')
    if (site !== null && site !== 'same-origin')
      return { status: 403, code: 'SITE_REFUSED', message: 'the request comes from another site' }
    if (!isSame(headers.get('x-lockpool-csrf') ?? '', this.csrf))
      return { status: 403, code: 'CSRF_REFUSED', message: 'the page is out of date: load it again' }
    return this.#refusalOfToken(request)
  }

  #refusalOfToken(request: Request): Refusal | null {
    const given = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1]
    if (given === undefined)
      return { status: 401, code: 'TOKEN_NEEDED', message: "this needs the dashboard's token" }
    if (isSame(given, this.#options.token)) return null
    const now = this.#clock.now()
    this.#guesses = this.#guesses.filter((at) => now - at < GUESSES_MS)
    if (this.#guesses.length >= MOST_GUESSES) {
      this.#report?.(new Error('too many wrong tokens were sent to the dashboard'))
      return { status: 429, code: 'TOO_MANY_GUESSES', message: 'too many wrong tokens: wait a minute' }
    }
    this.#guesses.push(now)
    return { status: 401, code: 'TOKEN_REFUSED', message: 'the token is wrong' }
  }
}

/** A proxy in front may use TLS, so the scheme may differ. */
function isOriginOf(origin: string, host: string): boolean {
  try {
    return new URL(origin).host === host.toLowerCase()
  } catch {
    return false
  }
}

/** In constant time, so that the duration says nothing about the right token. */
function isSame(given: string, right: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(given), hash(right))
}
