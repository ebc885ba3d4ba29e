import { setTimeout as sleep } from 'node:timers/promises'
import { LockPool } from '../src/index.js'
import type { EmbeddedPostgres } from '../src/embedded/index.js'
import { IS_UP, RUN_AHEAD } from './chaos-sql.js'
import { Cluster } from './cluster.js'
import { Proxy } from './proxy.js'
import { crash, Standby, type StartServer } from './standby.js'
import { twoBackends } from './two-backends.js'
import { UnflushedDraw } from './unflushed.js'
import { withClient } from './with-client.js'

/** Returns the number of rounds that broke a promise. */
type Scenario = (start: StartServer, rounds: number, say: (line: string) => void) => Promise<number>

const SERVER = { durable: true, settings: { wal_keep_size: '256MB', dynamic_shared_memory_type: 'mmap' } }

/** Acts like another process, which knows nothing yet: returns its first token, and the last of `draws`. */
async function drawn(url: string, draws: number): Promise<{ first: bigint; last: bigint }> {
  const locks = new LockPool({ connection: url, max: 2 })
  try {
    const tokens: bigint[] = []
    for (let i = 0; i < draws; i++) {
      const lock = await locks.acquire('orders')
      tokens.push(lock.token)
      await lock.release()
    }
    return { first: tokens[0]!, last: tokens.at(-1)! }
  } finally {
    await locks.close({ graceMs: 0 })
  }
}

async function untilUp(url: string): Promise<void> {
  for (;;) {
    try {
      await withClient(url, (client) => client.query(IS_UP))
      return
    } catch {
      await sleep(20)
    }
  }
}

function compare(round: number, before: bigint, after: bigint, say: (line: string) => void): number {
  const isRight = after > before
  say(`round ${round}: ${before}, then ${after}${isRight ? '' : ': TOKENS WENT BACK'}`)
  return isRight ? 0 : 1
}

/** A crash before any token is written: in turn with and without a restart, and with and without the help of the clock. */
const unflushed: Scenario = async (start, rounds, say) => {
  const server = await start(SERVER)
  let findings = 0
  await drawn(server.url, 3)
  for (let round = 1; round <= rounds; round++) {
    if (round === Math.ceil(rounds / 2)) await withClient(server.url, (client) => client.query(RUN_AHEAD))
    const locks = new LockPool({ connection: server.url, max: 2 })
    await (await locks.acquire('before')).release()
    const stopped = await UnflushedDraw.on(server.url)
    let before = 0n
    for (let i = 0; i < 25; i++) {
      const lock = await locks.acquire('orders')
      before = lock.token
      await lock.release()
    }
    stopped.kill()
    if (round % 2 === 0) await server.restart('immediate')
    await locks.close({ graceMs: 0 })
    await stopped[Symbol.asyncDispose]()
    await untilUp(server.url)
    findings += compare(round, before, (await drawn(server.url, 1)).first, say)
  }
  await server.stop('immediate')
  return findings
}

function at(url: string, server: EmbeddedPostgres): string {
  const other = new URL(url)
  other.port = String(server.port)
  return other.href
}

/** A primary goes, its replica issues tokens, and the old primary returns: in turn after a crash and after a freeze. */
const comesBack: Scenario = async (start, rounds, say) => {
  let findings = 0
  for (let round = 1; round <= rounds; round++) {
    const old = await start(SERVER)
    await drawn(old.url, 3)
    const standby = await Standby.of(old, old.url, start, SERVER)
    standby.fallBehind()
    const isFrozen = round % 2 === 0
    const before = await drawn(old.url, 50)
    if (isFrozen) process.kill(old.processId, 'SIGSTOP')
    else await crash(old)
    await standby.promote(at(old.url, standby.server))
    const between = await drawn(at(old.url, standby.server), 50)
    await crash(standby.server)
    if (isFrozen) process.kill(old.processId, 'SIGCONT')
    else await old.restart('immediate')
    const after = await drawn(old.url, 1)
    findings +=
      compare(round, before.last, between.first, say) + compare(round, between.last, after.first, say)
    await Promise.all([old.stop('immediate'), standby.server.stop('immediate')])
  }
  return findings
}

/** A holder with a long lease is cut off as its server dies, and one with a short lease comes to the replica. */
const leases: Scenario = async (start, rounds, say) => {
  let findings = 0
  for (let round = 1; round <= rounds; round++) {
    const cluster = await Cluster.startedBy(start)
    const way = await Proxy.to(cluster.port)
    const url = new URL(cluster.urlOf('postgres'))
    url.port = String(way.port)
    const options = { strict: true, acquireTimeoutMs: Infinity }
    const holder = new LockPool({ ...options, connection: url.href, leaseMs: 30_000 })
    // In turn the replica knows nothing, only the schema, or the decision of a pool with a short lease.
    if (round % 3 !== 0) await drawn(cluster.urlOf('postgres'), 1)
    if (round % 3 === 2) {
      const first = new LockPool({ ...options, connection: cluster.urlOf('postgres'), leaseMs: 2000 })
      await first.ready()
      await first.close()
    }
    await cluster.addStandbys(1)
    const held: { lock: Awaited<ReturnType<LockPool['acquire']>> | null } = { lock: null }
    const whileBehind = async (): Promise<void> => {
      held.lock = await holder.acquire('orders')
      way.toClient.isStalled = way.toServer.isStalled = true
    }
    await cluster.failOver({ whileBehind, signal: 'SIGKILL' })
    const next = new LockPool({ ...options, connection: cluster.urlOf('postgres'), leaseMs: 2000 })
    const since = performance.now()
    const lock = await next.acquire('orders')
    const isOverlap = held.lock!.state === 'held' && lock.state === 'held'
    const waitedMs = Math.round(performance.now() - since)
    say(`round ${round}: granted after ${waitedMs} ms${isOverlap ? ': OVERLAP' : ''}`)
    if (isOverlap) findings++
    await Promise.all([holder, next].map((pool) => pool.close({ graceMs: 0 })))
    await way.close()
    await cluster.stop()
  }
  return findings
}

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  unflushed,
  return: comesBack,
  leases,
  backends: twoBackends,
}
