import { printable } from '../../base/printable.js'
import type { FailOverTimes } from './lease-rule.js'

/** What Patroni reports about itself. */
export interface PatroniFacts extends FailOverTimes {
  readonly version: string
  readonly isSynchronous: boolean
}

/** Why Patroni gave no answer. */
export interface PatroniUnavailable {
  readonly problem: string
}

const LIMIT_MS = 5000

/** The part of `fetch` that is used. */
type Get = (url: string) => Promise<unknown>

/** Asks the REST interface of a node. Never rejects. */
export async function askPatroni(
  address: string,
  get: Get = getJson,
): Promise<PatroniFacts | PatroniUnavailable> {
  try {
    const base = new URL(address)
    const [config, status] = await Promise.all([
      get(new URL('/config', base).href),
      get(new URL('/patroni', base).href),
    ])
    return factsOf(config, status)
  } catch (error) {
    return { problem: printable(error instanceof Error ? error.message : String(error)) }
  }
}

/** Pure. A setting that is missing has Patroni's default. */
export function factsOf(config: unknown, status: unknown): PatroniFacts {
  const { ttl, loop_wait: loop, synchronous_mode: sync } = (config ?? {}) as Record<string, unknown>
  const { patroni } = (status ?? {}) as { patroni?: { version?: unknown } }
  return {
    ttlMs: secondsOr(30, ttl),
    loopWaitMs: secondsOr(10, loop),
    version: typeof patroni?.version === 'string' ? printable(patroni.version) : 'unknown',
    isSynchronous: sync !== undefined && !['off', 'false', false].includes(sync as string | boolean),
  }
}

function secondsOr(fallback: number, value: unknown): number {
  const seconds = Number(value)
  return (value === undefined || value === null || !Number.isFinite(seconds) ? fallback : seconds) * 1000
}

async function getJson(url: string): Promise<unknown> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(LIMIT_MS), redirect: 'error' })
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
  return answer.json()
}
