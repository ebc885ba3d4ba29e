import { lockId, type LockHolder, type LockWaiter, type ServerLock } from '../inspect/server-lock.js'
import type { SemaphoreSnapshot } from '../lock/semaphore/semaphore-snapshot.js'
import type { KeySnapshot, PoolSnapshot } from '../lock/snapshot.js'
import type { HolderJson, LockJson, WaiterJson } from './state-json.js'

/** A key or a semaphore of this process, with what only this process knows: exact ages, tokens, every waiting caller. */
interface Own {
  readonly title: string
  readonly kind: 'advisory' | 'semaphore'
  readonly permits: number | null
  readonly holders: readonly HolderJson[]
  readonly waiters: readonly WaiterJson[]
}

/** Backend pids of the lock sessions of this process. */
export function ownPids(pool: PoolSnapshot | null): ReadonlySet<number> {
  return new Set(pool?.sessions.map(({ serverId }) => serverId))
}

/** Merges the server's list with what this process knows. For locks that both know, this process is more precise. */
export function mergeLocks(locks: readonly ServerLock[], pool: PoolSnapshot | null): LockJson[] {
  const own = new Map(ownLocks(pool).map((each) => [`${each.kind} ${each.title}`, each]))
  const pids = ownPids(pool)
  const merged = locks.map((lock) => {
    const id = `${lock.kind} ${lock.name === null ? lock.id : lock.title}`
    const mine = own.get(id)
    // The same name in another namespace is another lock, of other sessions.
    if (mine === undefined || !isTouchedBy(lock, pids)) return lockJson(lock, null, pids)
    own.delete(id)
    return lockJson(lock, mine, pids)
  })
  return [...merged, ...[...own.values()].map(ownJson)]
}

function isTouchedBy({ holders, waiters }: ServerLock, pids: ReadonlySet<number>): boolean {
  return [...holders, ...waiters].some(({ session }) => pids.has(session.pid))
}

function lockJson(lock: ServerLock, own: Own | null, pids: ReadonlySet<number>): LockJson {
  const { kind, title, name, id, permits } = lock
  // It may have been released here since the server was inspected: then the server's state counts.
  const isOurs = own !== null && own.holders.length > 0
  const holders = lock.holders
    .filter(({ session }) => !isOurs || !pids.has(session.pid))
    .map((holder) => holderJson(holder))
  const isOutsideHere = ({ session, isOutside }: LockWaiter): boolean => isOutside && pids.has(session.pid)
  const waiters = lock.waiters.filter((waiter) => own === null || !isOutsideHere(waiter)).map(waiterJson)
  return {
    id: lockId(lock),
    kind,
    title,
    namespace: name === null || name.namespace === '' ? null : name.namespace,
    key: id,
    permits: permits ?? own?.permits ?? null,
    holders: isOurs ? [...own.holders, ...holders] : holders,
    waiters: own === null ? waiters : [...waiters, ...own.waiters],
  }
}

function ownJson({ kind, title, permits, holders, waiters }: Own): LockJson {
  return { id: `${kind} here ${title}`, kind, title, namespace: null, key: null, permits, holders, waiters }
}

function holderJson({ session, mode, permit, atLeastMs, atMostMs, label = null }: LockHolder): HolderJson {
  return { pid: session.pid, mode, permit, atLeastMs, atMostMs, label, token: null, isHere: false }
}

function waiterJson({ session, mode, waitedMs, label = null, isOutside }: LockWaiter): WaiterJson {
  const ages = { atLeastMs: waitedMs ?? 0, atMostMs: waitedMs }
  return { pid: session.pid, mode, ...ages, label, isOutside, isHere: false }
}

function ownLocks(pool: PoolSnapshot | null): Own[] {
  if (pool === null) return []
  const pidOf = new Map(pool.sessions.map(({ id, serverId }) => [id, serverId]))
  const pid = (session: number | null): number | null =>
    session === null ? null : (pidOf.get(session) ?? null)
  return [
    ...pool.keys.map((key) => ownKey(key, pid(key.session))),
    ...pool.semaphores.map((semaphore) => ownSemaphore(semaphore, pid(semaphore.session))),
  ].filter(({ holders, waiters }) => holders.length + waiters.length > 0)
}

function ownKey({ key, mode, holders, waiters }: KeySnapshot, pid: number | null): Own {
  return {
    // A raw pair is written as the server's list writes it.
    title: key.replace(/^\((-?\d+), (-?\d+)\)$/, '$1,$2'),
    kind: 'advisory',
    permits: null,
    holders: holders.map((holder) => ownHolder({ pid, mode, permit: null, ...holder })),
    waiters: waiters.map((waiter) => ownWaiter({ pid, ...waiter })),
  }
}

function ownSemaphore({ key, permits, holders, waiters }: SemaphoreSnapshot, pid: number | null): Own {
  return {
    title: key,
    kind: 'semaphore',
    permits,
    holders: holders.map(({ number, ...holder }) =>
      ownHolder({ pid, mode: 'exclusive', permit: number, ...holder }),
    ),
    waiters: waiters.map((waiter) => ownWaiter({ pid, mode: 'exclusive', ...waiter })),
  }
}

function ownHolder({
  heldMs,
  ...holder
}: Pick<HolderJson, 'pid' | 'mode' | 'permit' | 'token' | 'label'> & {
  readonly heldMs: number
}): HolderJson {
  return { ...holder, atLeastMs: heldMs, atMostMs: heldMs, isHere: true }
}

function ownWaiter({
  waitedMs,
  ...waiter
}: Pick<WaiterJson, 'pid' | 'mode' | 'label'> & { readonly waitedMs: number }): WaiterJson {
  return { ...waiter, atLeastMs: waitedMs, atMostMs: waitedMs, isOutside: true, isHere: true }
}
