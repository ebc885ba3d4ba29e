/**
 * All metrics in one place. Names, units and attributes follow OpenTelemetry's semantic conventions where there are any
 * (`db.client.connection.*`, status "development" in version 1.44); there are none for locks. A key is never an attribute:
 * there may be millions, and each would be a separate series.
 */
export type MetricKind =
  /** A number that goes up and down. */
  | 'gauge'
  /** A number that only grows, from the start of the process. */
  | 'counter'
  /** How many took how long. */
  | 'histogram'

export interface Metric {
  readonly name: string
  readonly kind: MetricKind
  /** The unit in UCUM: `s`, or the counted thing in braces. */
  readonly unit: string
  readonly description: string
}

/** The attributes of a sample: few names, few values. */
export type Attributes = Readonly<Record<string, string>>

export const POOL_NAME = 'db.client.connection.pool.name'
export const CONNECTION_STATE = 'db.client.connection.state'
export const LOCK_MODE = 'lockpool.lock.mode'

const connection = (name: string, kind: MetricKind, unit: string, description: string): Metric => ({
  name: `db.client.connection.${name}`,
  kind,
  unit,
  description,
})

const own = (name: string, kind: MetricKind, unit: string, description: string): Metric => ({
  name: `lockpool.${name}`,
  kind,
  unit,
  description,
})

export type MetricId =
  | 'connectionCount'
  | 'connectionMax'
  | 'connectionIdleMin'
  | 'connectionPending'
  | 'connectionTimeouts'
  | 'connectionCreateTime'
  | 'connectionWaitTime'
  | 'connectionUseTime'
  | 'sessions'
  | 'held'
  | 'waiting'
  | 'waitTime'
  | 'holdTime'
  | 'acquired'
  | 'handedOff'
  | 'released'
  | 'lost'
  | 'refused'
  | 'timeouts'
  | 'deadlocks'
  | 'primaryChanges'
  | 'primaryDown'

export const METRICS: Readonly<Record<MetricId, Metric>> = {
  connectionCount: connection('count', 'gauge', '{connection}', 'Connections that are open, by state'),
  connectionMax: connection('max', 'gauge', '{connection}', 'The most connections that may be open'),
  connectionIdleMin: connection('idle.min', 'gauge', '{connection}', 'Connections that are kept open'),
  connectionPending: connection(
    'pending_requests',
    'gauge',
    '{request}',
    'Callers that wait for a connection',
  ),
  connectionTimeouts: connection(
    'timeouts',
    'counter',
    '{timeout}',
    'Callers that got no connection in time',
  ),
  connectionCreateTime: connection('create_time', 'histogram', 's', 'How long opening a connection took'),
  connectionWaitTime: connection('wait_time', 'histogram', 's', 'How long a caller waited for a connection'),
  connectionUseTime: connection('use_time', 'histogram', 's', 'How long a connection was checked out'),
  sessions: own('session.count', 'gauge', '{session}', 'Connections in use for locks'),
  held: own('lock.held', 'gauge', '{lock}', 'Locks and permits that are held'),
  waiting: own('lock.waiting', 'gauge', '{request}', 'Callers that wait for a lock'),
  waitTime: own('lock.wait.duration', 'histogram', 's', 'How long a caller waited before it got the lock'),
  holdTime: own('lock.hold.duration', 'histogram', 's', 'How long a lock was held until its release'),
  acquired: own('lock.acquired', 'counter', '{lock}', 'Locks granted'),
  handedOff: own('lock.handed_off', 'counter', '{lock}', 'Of these, handed over within the process'),
  released: own('lock.released', 'counter', '{lock}', 'Locks released'),
  lost: own('lock.lost', 'counter', '{lock}', 'Locks lost while they were held'),
  refused: own('lock.refused', 'counter', '{request}', 'Callers that got no lock, for any reason'),
  timeouts: own('lock.timeouts', 'counter', '{timeout}', 'Of these, because of a timeout'),
  deadlocks: own('lock.deadlocks', 'counter', '{deadlock}', 'Of these, because of a deadlock'),
  primaryChanges: own('primary.changes', 'counter', '{change}', 'Changes of the primary'),
  primaryDown: own('primary.last_down', 'gauge', 's', 'How long there was no primary at the last change'),
}

/** In seconds: from less than a round trip to longer than any caller should wait. */
export const BUCKETS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
]
