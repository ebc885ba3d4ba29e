import type { Assets } from '../../src/dashboard/assets.js'
import { asset } from '../../src/dashboard/assets.js'
import { resolveDashboardOptions, type DashboardOptions } from '../../src/dashboard/dashboard-options.js'
import { DashboardSource, type DashboardHost } from '../../src/dashboard/dashboard-source.js'
import { RequestHandler } from '../../src/dashboard/handler.js'
import type { StateJson } from '../../src/dashboard/state-json.js'
import { snapshotOf } from '../../src/inspect/snapshot.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { held, key, serverSession, serverState, wanted } from './server-state.js'

export const TOKEN = 'a token of enough length'

const ASSETS: Assets = new Map([
  ['', asset('text/html; charset=utf-8', '<!doctype html><title>page</title>')],
  ['page/main.js', asset('text/javascript; charset=utf-8', '// '.repeat(1000))],
])

/** A dashboard without a server and a page, and functions to send requests to it. */
export class DashboardWorld {
  readonly clock: ManualClock
  readonly ended: unknown[] = []
  /** The errors that a real dashboard would log. */
  readonly reported: Error[] = []
  looks = 0
  readonly handle: (request: Request) => Promise<Response>

  constructor(options: DashboardOptions = {}, ports: Partial<DashboardHost> & { clock?: ManualClock } = {}) {
    this.clock = ports.clock ?? new ManualClock()
    const report = (error: unknown): void => void this.reported.push(error as Error)
    const source = new DashboardSource({
      report,
      title: 'app',
      pool: null,
      look: () => {
        this.looks++
        return Promise.resolve(blockedSnapshot())
      },
      end: (target) => {
        this.ended.push(target)
        return Promise.resolve(target.pid === 1 ? 'gone' : 'none')
      },
      ...ports,
      clock: this.clock,
    })
    const resolved = resolveDashboardOptions(options)
    const handler = new RequestHandler(resolved, {
      source,
      report,
      assets: () => ASSETS,
      clock: this.clock,
    })
    this.handle = (request) => handler.handle(request)
  }

  get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
    return this.handle(new Request(`http://localhost:7433${path}`, { method, headers }))
  }

  async state(headers: Record<string, string> = {}): Promise<StateJson> {
    return (await (await this.get('/api/state', headers)).json()) as StateJson
  }

  /** Sends the request as the page does. Leaves out `headers` that are empty. */
  async end(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const { csrf } = await this.state({ authorization: `Bearer ${TOKEN}` })
    const all = Object.entries({
      origin: 'http://localhost:7433',
      'content-type': 'application/json',
      'x-lockpool-csrf': csrf,
      authorization: `Bearer ${TOKEN}`,
      ...headers,
    }).filter(([, value]) => value !== '')
    return this.handle(
      new Request('http://localhost:7433/api/end', {
        method: 'POST',
        headers: Object.fromEntries(all),
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    )
  }
}

export async function problemOf(response: Response): Promise<readonly [status: number, code: string]> {
  const { error } = (await response.json()) as { error: { code: string } }
  return [response.status, error.code]
}

/** One process holds a key that another waits for. */
export function blockedSnapshot(waitedMs = 8000): ReturnType<typeof snapshotOf> {
  return snapshotOf(
    serverState({
      sessions: [serverSession(1), serverSession(2)],
      locks: [held(key(7), 1), wanted(key(7), 2, waitedMs)],
      blockers: new Map([[2, [1]]]),
    }),
  )
}
