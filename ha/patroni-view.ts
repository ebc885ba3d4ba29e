import type { NodePlan } from './cluster-config.js'

/** One node, as Patroni sees it. */
export interface Member {
  readonly name: string
  readonly role: string
  readonly state: string
  readonly timeline?: number
  readonly lag?: number | string
}

const LIMIT_MS = 1000

/** What the cluster is by its own word: asks one node after the other. Empty if none answers. */
export async function membersOf(nodes: readonly NodePlan[]): Promise<readonly Member[]> {
  for (const { restPort } of nodes) {
    const answer = await ask(restPort, 'cluster')
    if (answer?.ok === true) return ((await answer.json()) as { members: Member[] }).members
  }
  return []
}

/** Whether this node says that it is the primary. */
export async function isPrimary({ restPort }: NodePlan): Promise<boolean> {
  return (await ask(restPort, 'primary'))?.status === 200
}

/** Null where it is not to be reached. */
async function ask(port: number, path: string): Promise<Response | null> {
  try {
    return await fetch(`http://127.0.0.1:${port}/${path}`, { signal: AbortSignal.timeout(LIMIT_MS) })
  } catch {
    return null
  }
}

/** Who leads; null while nobody does. */
export function leaderOf(members: readonly Member[]): string | null {
  return members.find(({ role, state }) => role === 'leader' && state === 'running')?.name ?? null
}

/** Who can take over: with synchronous replication only who has all. Null if nobody can. */
export function successorOf(members: readonly Member[]): string | null {
  const standbys = members.filter(({ role }) => role !== 'leader')
  return (standbys.find(({ role }) => role === 'sync_standby') ?? standbys[0])?.name ?? null
}

/** Whether all nodes are there, and all standbys follow on the leader's timeline; one of them synchronously, if that is wanted. */
export function isWhole(members: readonly Member[], count: number, isSync = false): boolean {
  const leader = members.find(({ role }) => role === 'leader')
  if (leader === undefined || leader.state !== 'running' || members.length < count) return false
  if (isSync && count > 1 && !members.some(({ role }) => role === 'sync_standby')) return false
  return members.every(
    ({ role, state, timeline }) =>
      role === 'leader' || ((state === 'running' || state === 'streaming') && timeline === leader.timeline),
  )
}
