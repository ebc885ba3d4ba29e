import type { Asset, Assets } from './assets.js'
import type { DashboardOptions } from './dashboard-options.js'
import type { DashboardSource } from './dashboard-source.js'
import { readEnding } from './ending.js'
import { METRICS_TYPE, metricsText } from './metrics-text.js'
import { RequestGuard, type Refusal } from './request-guard.js'
import { acceptsGzip, jsonResponse, refuse, response } from './response.js'
import type { EndedJson, StateJson } from './state-json.js'
import type { Clock } from '../base/clock.js'

export interface HandlerHost {
  readonly source: DashboardSource
  readonly assets: () => Assets
  readonly clock: Clock
  /** Called with errors of the dashboard itself. */
  readonly report?: (error: unknown) => void
}

const NOT_FOUND: Refusal = { status: 404, code: 'NOT_FOUND', message: 'there is nothing here' }
const FAILED: Refusal = {
  status: 500,
  code: 'FAILED',
  message: 'the dashboard has failed; the log of its process says how',
}
const WRONG_METHOD: Refusal = { status: 405, code: 'METHOD_REFUSED', message: 'not with this method' }

/** Answers requests for the page, its state, its metrics, and for the end of a session. */
export class RequestHandler {
  readonly #path: string
  readonly #host: HandlerHost
  readonly #guard: RequestGuard
  readonly #mayEnd: boolean

  constructor(options: Required<DashboardOptions>, host: HandlerHost) {
    this.#path = options.path
    this.#host = host
    this.#guard = new RequestGuard(options, host.clock, host.report)
    this.#mayEnd = options.ending && host.source.canEnd
  }

  /** Never rejects. Errors are reported to the operator, not to the client. */
  async handle(request: Request): Promise<Response> {
    try {
      return await this.#answer(request)
    } catch (error) {
      this.#host.report?.(error)
      return refuse(request, FAILED)
    }
  }

  async #answer(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const refusal = this.#guard.refusalOfAny(request, url)
    if (refusal !== null) return refuse(request, refusal)
    const isReading = request.method === 'GET' || request.method === 'HEAD'
    if (isReading && this.#path !== '' && url.pathname === this.#path)
      return response(308, null, { location: `${this.#path}/` })
    if (!url.pathname.startsWith(`${this.#path}/`)) return refuse(request, NOT_FOUND)
    const path = url.pathname.slice(this.#path.length + 1)
    if (path === 'api/end')
      return request.method === 'POST' ? this.#end(request, url) : refuse(request, WRONG_METHOD)
    const found = this.#host.assets().get(path)
    if (found === undefined && path !== 'api/state' && path !== 'metrics') return refuse(request, NOT_FOUND)
    if (!isReading) return refuse(request, WRONG_METHOD)
    if (path === 'metrics') return this.#metrics(request)
    return found === undefined ? this.#state(request) : assetResponse(request, found)
  }

  async #metrics(request: Request): Promise<Response> {
    const refusal = this.#guard.refusalOfReading(request)
    if (refusal !== null) return refuse(request, refusal)
    const headers = { 'content-type': METRICS_TYPE, 'cache-control': 'no-store' }
    return response(200, metricsText(await this.#host.source.state()), headers)
  }

  async #state(request: Request): Promise<Response> {
    const refusal = this.#guard.refusalOfReading(request)
    if (refusal !== null) return refuse(request, refusal)
    const state = await this.#host.source.state()
    const value: StateJson = { ...state, mayEnd: this.#mayEnd, csrf: this.#guard.csrf }
    return jsonResponse(request, value)
  }

  async #end(request: Request, url: URL): Promise<Response> {
    const refusal = this.#guard.refusalOfEnding(request, url)
    if (refusal !== null) return refuse(request, refusal)
    const target = await readEnding(request)
    if ('error' in target) return jsonResponse(request, target, 400)
    try {
      const end = await this.#host.source.end(target)
      const answer: EndedJson = { ended: end !== 'none', isStillThere: end === 'there' }
      return await jsonResponse(request, answer, answer.ended ? 200 : 409)
    } catch (error) {
      this.#host.report?.(error)
      const problem = { error: { code: 'SERVER_REFUSED', message: (error as Error).message } }
      return jsonResponse(request, problem, 502)
    }
  }
}

/** A browser may cache it, but must ask each time whether it changed: an update of the package keeps the name. */
function assetResponse(request: Request, { type, bytes, gzipped, etag }: Asset): Response {
  const headers = { 'content-type': type, 'cache-control': 'no-cache', etag, vary: 'accept-encoding' }
  if (request.headers.get('if-none-match') === etag) return response(304, null, headers)
  if (!acceptsGzip(request)) return response(200, bytes, headers)
  return response(200, gzipped, { ...headers, 'content-encoding': 'gzip' })
}
