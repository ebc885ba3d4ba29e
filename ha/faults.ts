import type { NodePlan } from './cluster-config.js'
import { signal, type PatroniCluster } from './patroni-cluster.js'

export type FaultName = 'switchover' | 'restart' | 'crash' | 'node-death' | 'partition' | 'freeze'

export interface Fault {
  readonly means: string
  /** Strikes the primary, and returns a function that undoes it. */
  strike(cluster: PatroniCluster, primary: NodePlan, standby: NodePlan): Promise<() => void>
  /** Whether the same node may be the primary afterwards. */
  readonly mayStay: boolean
  /** Whether the old primary ends its sessions by itself, and so frees their locks before their clients can know. */
  readonly endsSessions: boolean
}

const nothing = (): void => undefined

export const FAULTS: Readonly<Record<FaultName, Fault>> = {
  switchover: {
    means: 'an operator makes another node the primary',
    mayStay: false,
    endsSessions: true,
    async strike(cluster, primary, standby) {
      const to = ['--leader', primary.name, '--candidate', standby.name]
      await cluster.control('switchover', ...to, '--force', 'lockpool')
      return nothing
    },
  },
  restart: {
    means: 'an operator restarts PostgreSQL on the primary',
    mayStay: true,
    endsSessions: true,
    async strike(cluster, primary) {
      await cluster.control('restart', 'lockpool', primary.name, '--force')
      return nothing
    },
  },
  crash: {
    means: 'SIGKILL of the postmaster; Patroni starts it again in place, or another node takes over',
    mayStay: true,
    endsSessions: true,
    strike(cluster, primary) {
      const postmaster = cluster.postmasterOf(primary)
      if (postmaster !== null) signal(postmaster, 'SIGKILL')
      return Promise.resolve(nothing)
    },
  },
  'node-death': {
    means: 'SIGKILL of Patroni and all processes of PostgreSQL',
    mayStay: false,
    endsSessions: false,
    strike(cluster, primary) {
      const server = cluster.serverOf(primary)
      for (const pid of [cluster.patroniOf(primary), ...server]) signal(pid, 'SIGKILL')
      return Promise.resolve(() => cluster.startNode(primary))
    },
  },
  partition: {
    means: 'the primary is cut off from etcd, and its clients are not',
    mayStay: false,
    endsSessions: true,
    strike(cluster, primary) {
      const relay = cluster.relayOf(primary)
      signal(relay, 'SIGSTOP')
      return Promise.resolve(() => signal(relay, 'SIGCONT'))
    },
  },
  freeze: {
    means: 'SIGSTOP of Patroni and all processes of PostgreSQL, and later SIGCONT: an old primary comes back',
    mayStay: false,
    endsSessions: false,
    strike(cluster, primary) {
      const all = [cluster.patroniOf(primary), ...cluster.serverOf(primary)]
      for (const pid of all) signal(pid, 'SIGSTOP')
      return Promise.resolve(() => {
        for (const pid of all) signal(pid, 'SIGCONT')
      })
    },
  },
}

export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[]
