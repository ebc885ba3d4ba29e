import { sleep, systemClock } from '../../base/clock.js'
import { jsonLine, printable } from '../../base/printable.js'
import { encodeKey } from '../../dialect/postgres/keys/key.js'
import { isMember } from '../../dialect/postgres/table/rows-state.js'
import { sqlState } from '../../dialect/postgres/connection/server-errors.js'
import type { ReleaseRequest } from '../../dialect/release-request.js'
import type { LockHolder, ServerLock } from '../../inspect/server-lock.js'
import { sessionInWords } from '../../inspect/session-in-words.js'
import type { LockSnapshot } from '../../inspect/snapshot.js'
import { EXIT } from '../exit-codes.js'
import { rawKey } from '../raw-key.js'
import type { Terminal } from '../terminal.js'
import type { AskOrder, BreakOrder } from './break-order.js'
import type { Inspector } from './inspector.js'
import { RequestsUnsupportedError } from './server-watch.js'

/** The exit code if a holder keeps the lock. */
export const NOT_RELEASED = 1

/** How often to check whether the holders have released it. */
const LOOK_EVERY_MS = 250

interface AskedHolder {
  readonly holder: LockHolder
  readonly request: ReleaseRequest
}

/**
 * Asks the holders to release the lock, and waits until none of them holds it. Returns `force` if one still holds it
 * and its session should be ended.
 */
export async function askHolders(
  inspector: Inspector,
  order: BreakOrder,
  ask: AskOrder,
  before: LockSnapshot,
  terminal: Terminal,
): Promise<number | 'force'> {
  const asked = requestsFor(before, order, ask.reason)
  if (asked.some(({ request }) => isMember(request.serverId))) {
    terminal.err.write(
      'lockpool: holders with backend "table" cannot be asked: leave out --ask to end the session\n',
    )
    return EXIT.unavailable
  }
  try {
    for (const { request, holder } of asked) await inspector.askForRelease(request, holder.session.startedAt)
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal === null) throw error
    terminal.err.write(`lockpool: ${refusal}\n`)
    return EXIT.unavailable
  }
  const keeping = await untilReleased(inspector, order, asked, ask.waitMs)
  if (keeping.length === 0) {
    report(order, asked, [], [`${order.wanted.title} was released`], terminal)
    return EXIT.ok
  }
  const lines: string[] = []
  for (const { request, holder } of keeping) {
    const isUnread = await inspector.withdrawRequest(request)
    const what = isUnread ? 'has not read the request' : 'has read the request, and still holds it'
    lines.push(`${sessionInWords(holder.session)} ${what}`)
  }
  if (ask.isForced) {
    if (!order.isJson) terminal.out.write(`${lines.map(printable).join('\n')}\n`)
    return 'force'
  }
  report(order, asked, keeping, lines, terminal)
  return NOT_RELEASED
}

function report(
  { isJson }: BreakOrder,
  asked: readonly AskedHolder[],
  keeping: readonly AskedHolder[],
  lines: readonly string[],
  { out }: Terminal,
): void {
  const pids = (each: readonly AskedHolder[]): number[] => [
    ...new Set(each.map(({ request }) => request.serverId)),
  ]
  if (isJson)
    out.write(`${jsonLine({ version: 1, asked: pids(asked), keeping: pids(keeping), ended: [] })}\n`)
  else out.write(`${lines.map(printable).join('\n')}\n`)
}

function requestsFor(
  { locks }: LockSnapshot,
  { wanted, pid }: BreakOrder,
  reason: string | null,
): AskedHolder[] {
  return locks.filter(wanted.isOne).flatMap((lock) =>
    lock.holders
      .filter(({ session }) => pid === null || session.pid === pid)
      .map((holder) => ({
        holder,
        request: {
          ...{ serverId: holder.session.pid, keyId: keyIdOf(lock) },
          ...{ permit: lock.kind === 'semaphore' ? holder.permit : null, reason },
        },
      })),
  )
}

/** The id of the key in messages between processes. */
function keyIdOf({ kind, id }: ServerLock): string {
  return kind === 'advisory' ? encodeKey(rawKey(id), '').id : id
}

async function untilReleased(
  inspector: Inspector,
  { wanted, pid }: BreakOrder,
  asked: readonly AskedHolder[],
  waitMs: number,
): Promise<AskedHolder[]> {
  const deadline = systemClock.now() + waitMs
  for (;;) {
    const now = requestsFor(
      await inspector.look({ names: wanted.names }),
      { wanted, pid } as BreakOrder,
      null,
    )
    const keeping = asked.filter((each) => now.some((other) => isSame(each, other)))
    const remainingMs = deadline - systemClock.now()
    if (keeping.length === 0 || remainingMs <= 0) return keeping
    await sleep(systemClock, Math.min(LOOK_EVERY_MS, remainingMs))
  }
}

function isSame(one: AskedHolder, other: AskedHolder): boolean {
  return (
    one.request.serverId === other.request.serverId &&
    one.request.keyId === other.request.keyId &&
    one.request.permit === other.request.permit &&
    one.holder.session.startedAt === other.holder.session.startedAt
  )
}

/** Null for any other error. */
function refusalOf(error: unknown): string | null {
  if (error instanceof RequestsUnsupportedError)
    return 'holders in MariaDB and MySQL cannot be asked: leave out --ask to end the session'
  if (sqlState(error) === '42P01' || sqlState(error) === '3F000')
    return 'holders cannot be asked: there is no table lockpool.release_request ("lockpool install" creates it)'
  if (sqlState(error) === '42501')
    return 'holders cannot be asked: this role may not use the table lockpool.release_request ("lockpool install --role ROLE" grants it)'
  return null
}
