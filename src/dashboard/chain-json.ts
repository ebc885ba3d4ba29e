import type { Chain } from '../inspect/chains.js'
import { lockId, titled } from '../inspect/server-lock.js'
import type { ChainJson } from './state-json.js'

/** A tree with more sessions is unreadable; the table shows all of them. */
const MOST_BLOCKED = 200
const MOST_CHAINS = 50

/** The chains to draw. A chain that is too large is cut, and says how many sessions are missing. */
export function chainsJson(chains: readonly Chain[]): ChainJson[] {
  return chains.slice(0, MOST_CHAINS).map((chain) => chainJson(chain, { remaining: MOST_BLOCKED }))
}

function chainJson({ session, wait, blocked }: Chain, room: { remaining: number }): ChainJson {
  const drawn = blocked.slice(0, room.remaining)
  room.remaining -= drawn.length
  const leftOut = blocked.slice(drawn.length).reduce((sum, each) => sum + 1 + countBelow(each), 0)
  return {
    pid: session.pid,
    wait: wait && {
      lock: lockId(wait.lock),
      title: titled(wait.lock),
      mode: wait.mode,
      atLeastMs: wait.waitedMs ?? 0,
      atMostMs: wait.waitedMs,
      isOutside: wait.isOutside,
    },
    blocked: drawn.map((each) => chainJson(each, room)),
    leftOut,
  }
}

function countBelow({ blocked }: Chain): number {
  return blocked.reduce((sum, each) => sum + 1 + countBelow(each), 0)
}
