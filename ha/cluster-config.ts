/** The ports and folders of one node. */
export interface NodePlan {
  readonly name: string
  readonly port: number
  readonly restPort: number
  /** The port through which the node reaches etcd. Each node has its own, so that it can be cut off alone. */
  readonly relayPort: number
  readonly dataFolder: string
}

export interface ClusterPlan {
  readonly folder: string
  readonly etcdPort: number
  readonly etcdPeerPort: number
  readonly balancerPort: number
  readonly nodes: readonly NodePlan[]
  readonly password: string
  readonly postgres: string
  readonly isSync: boolean
  readonly isQuick: boolean
}

/** Patroni's timeouts, in seconds. */
export function timesOf({ isQuick }: Pick<ClusterPlan, 'isQuick'>): {
  readonly ttl: number
  readonly loop: number
  readonly retry: number
} {
  return isQuick ? { ttl: 20, loop: 5, retry: 5 } : { ttl: 30, loop: 10, retry: 10 }
}

/** The settings of Patroni for one node. They are JSON, which is valid YAML. */
export function patroniConfig(plan: ClusterPlan, node: NodePlan): string {
  const { ttl, loop, retry } = timesOf(plan)
  const local = '127.0.0.1/32 scram-sha-256'
  return JSON.stringify({
    scope: 'lockpool',
    name: node.name,
    restapi: { listen: `127.0.0.1:${node.restPort}`, connect_address: `127.0.0.1:${node.restPort}` },
    // Otherwise Patroni would ask etcd for its members and connect to them without the relay.
    etcd3: { host: `127.0.0.1:${node.relayPort}`, use_proxies: true },
    bootstrap: {
      dcs: {
        ttl,
        loop_wait: loop,
        retry_timeout: retry,
        maximum_lag_on_failover: 1_048_576,
        synchronous_mode: plan.isSync,
        postgresql: {
          use_pg_rewind: true,
          parameters: { max_connections: 100, wal_keep_size: '128MB', wal_log_hints: 'on' },
        },
      },
      initdb: [{ encoding: 'UTF8' }, { locale: 'C' }, 'data-checksums'],
      pg_hba: [`host all all ${local}`, `host replication replicator ${local}`],
    },
    postgresql: {
      listen: `127.0.0.1:${node.port}`,
      connect_address: `127.0.0.1:${node.port}`,
      data_dir: node.dataFolder,
      bin_dir: plan.postgres,
      pgpass: `${node.dataFolder}.pgpass`,
      authentication: {
        superuser: { username: 'app', password: plan.password },
        replication: { username: 'replicator', password: plan.password },
        rewind: { username: 'rewinder', password: plan.password },
      },
      parameters: { unix_socket_directories: plan.folder },
    },
    tags: {},
  })
}

/** For patronictl, which asks etcd itself. */
export function controlConfig({ etcdPort }: ClusterPlan): string {
  return JSON.stringify({
    scope: 'lockpool',
    name: 'control',
    restapi: { listen: '127.0.0.1:1', connect_address: '127.0.0.1:1' },
    etcd3: { host: `127.0.0.1:${etcdPort}`, use_proxies: true },
  })
}

/** The configuration from docs/guides/high-availability.md. */
export function balancerConfig({ balancerPort, nodes }: ClusterPlan): string {
  const servers = nodes.map(
    ({ name, port, restPort }) => `  server ${name} 127.0.0.1:${port} maxconn 500 check port ${restPort}`,
  )
  return `global
  maxconn 2000
defaults
  mode tcp
  timeout connect 3s
  timeout client 30m
  timeout server 30m
listen primary
  bind 127.0.0.1:${balancerPort}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 2s fall 2 rise 1 on-marked-down shutdown-sessions
${servers.join('\n')}
`
}
