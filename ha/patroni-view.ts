import type { NodePlan } from './cluster-config.js'

/** One node in Patroni's view. */
export interface Member {
  readonly name: string
  readonly role: string
  readonly state: string
  readonly timeline?: number
  readonly lag?: number | string
}

const LIMIT_MS = 1000

/** The state of the cluster: asks one node after the other. Empty if none answers. */
export async function membersOf(nodes: readonly Pick<NodePlan, 'restPort'>[]): Promise<readonly Member[]> {
  for (const { restPort } of nodes) {
    const { members } = (await ask(restPort, 'cluster', (answer) => answer.json())) as Partial<Cluster>
    if (members !== undefined) return members
  }
  return []
}

interface Cluster {
  readonly members: readonly Member[]
}

/** Whether this node says that it is the primary. */
export async function isPrimary({ restPort }: Pick<NodePlan, 'restPort'>): Promise<boolean> {
  return (await ask(restPort, 'primary', (answer) => answer.status)) === 200
}

/**
 * Returns an empty object if the node can't be reached or its answer is incomplete: a node that is cut off or stopped
 * may fall silent in the middle of an answer.
 */
async function ask(port: number, path: string, read: (answer: Response) => unknown): Promise<unknown> {
  try {
    return await read(
      await fetch(`http://127.0.0.1:${port}/${path}`, { signal: AbortSignal.timeout(LIMIT_MS) }),
    )
  } catch {
    return {}
  }
}

/** The leader, or null while there is none. */
export function leaderOf(members: readonly Member[]): string | null {
  return members.find(({ role, state }) => role === 'leader' && state === 'running')?.name ?? null
}

/** The node that can take over: with synchronous replication only one that has all commits. Null if none can. */
export function successorOf(members: readonly Member[]): string | null {
  const standbys = members.filter(({ role }) => role !== 'leader')
  return (standbys.find(({ role }) => role === 'sync_standby') ?? standbys[0])?.name ?? null
}

/**
 * Whether all nodes are back and all standbys follow on the leader's timeline; if wanted, one of them synchronously.
 */
export function isWhole(members: readonly Member[], count: number, isSync = false): boolean {
  const leader = members.find(({ role }) => role === 'leader')
  if (leader === undefined || leader.state !== 'running' || members.length < count) return false
  if (isSync && count > 1 && !members.some(({ role }) => role === 'sync_standby')) return false
  return members.every(
    ({ role, state, timeline }) =>
      role === 'leader' || ((state === 'running' || state === 'streaming') && timeline === leader.timeline),
  )
}
