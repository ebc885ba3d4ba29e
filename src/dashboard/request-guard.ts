import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../base/clock.js'
import { LOOPBACK_HOSTS, type DashboardOptions } from './dashboard-options.js'

/** Why a request is refused, and with which status. */
export interface Refusal {
  readonly status: 401 | 403 | 404 | 405 | 415 | 429 | 500
  readonly code: string
  readonly message: string
}

/**
 * So many wrong tokens in so much time are a guesser, whom we tell to wait. Not so the right token: whoever guesses must not
 * be able to lock out who knows it, and at 16 characters and more no guesser gets anywhere.
 */
const MOST_GUESSES = 10
const GUESSES_MS = 60_000

/** Decides who may look and who may change something. */
export class RequestGuard {
  /** Given to whoever may read, and asked back from whoever changes something: another site can't know it. */
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

  /** Whatever is asked for, even the page itself. */
  refusalOfAny(request: Request, url: URL): Refusal | null {
    const host = (request.headers.get('host') ?? url.host).toLowerCase().replace(/:\d+$/, '')
    if (this.#hosts.has(host)) return null
    const message = 'this name is not among the "hosts" of the dashboard'
    return { status: 403, code: 'HOST_REFUSED', message }
  }

  refusalOfReading(request: Request): Refusal | null {
    // Of no use to another site without an answer, but there is no reason to work for it either.
    const site = request.headers.get('sec-fetch-site')
    if (site === 'cross-site' || site === 'same-site')
      return { status: 403, code: 'SITE_REFUSED', message: 'another site has asked' }
    return this.#options.readers === 'token' ? this.#refusalOfToken(request) : null
  }

  refusalOfEnding(request: Request, url: URL): Refusal | null {
    if (!this.#options.ending)
      return { status: 403, code: 'READ_ONLY', message: 'this dashboard is for looking only' }
    const { headers } = request
    if (!/^application\/json\b/i.test(headers.get('content-type') ?? ''))
      return { status: 415, code: 'NOT_JSON', message: 'the body must be application/json' }
    const host = headers.get('host') ?? url.host
    const origin = headers.get('origin')
    if (origin === null || !isOriginOf(origin, host))
      return { status: 403, code: 'ORIGIN_REFUSED', message: 'another site has asked' }
    const site = headers.get('sec-fetch-site')
    if (site !== null && site !== 'same-origin')
      return { status: 403, code: 'SITE_REFUSED', message: 'another site has asked' }
    if (!isSame(headers.get('x-lockpool-csrf') ?? '', this.csrf))
      return { status: 403, code: 'CSRF_REFUSED', message: 'the page is out of date: load it again' }
    return this.#refusalOfToken(request)
  }

  #refusalOfToken(request: Request): Refusal | null {
    const given = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1]
    if (given === undefined)
      return { status: 401, code: 'TOKEN_NEEDED', message: 'this needs the token of the dashboard' }
    if (isSame(given, this.#options.token)) return null
    const now = this.#clock.now()
    this.#guesses = this.#guesses.filter((at) => now - at < GUESSES_MS)
    if (this.#guesses.length >= MOST_GUESSES) {
      this.#report?.(new Error('somebody guesses at the token of the dashboard'))
      return { status: 429, code: 'TOO_MANY_GUESSES', message: 'too many wrong tokens: wait a minute' }
    }
    this.#guesses.push(now)
    return { status: 401, code: 'TOKEN_REFUSED', message: 'that is not the token' }
  }
}

/** A proxy may speak TLS in front of us, so the scheme may differ. */
function isOriginOf(origin: string, host: string): boolean {
  try {
    return new URL(origin).host === host.toLowerCase()
  } catch {
    return false
  }
}

/** In a time that says nothing about where they differ, or how long the right one is. */
function isSame(given: string, right: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(given), hash(right))
}
