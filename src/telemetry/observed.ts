import type { Listener } from '../base/emitter.js'
import type { LockMode } from '../dialect/lock-key.js'
import type { LockEvents } from '../lock/lock-events.js'
import type { PoolSnapshot } from '../lock/snapshot.js'
import type { PoolEvents } from '../pool/pool-events.js'
import { CONNECTION_STATE, LOCK_MODE, METRICS, type Attributes, type Metric } from './metric.js'

/** An emitter of events. */
interface Subscribable<Events> {
  /** Listens. */
  on<Name extends keyof Events>(event: Name, listener: Listener<Events[Name]>): unknown
  /** Stops listening. */
  off<Name extends keyof Events>(event: Name, listener: Listener<Events[Name]>): unknown
}

/** The part of a `LockPool` that is observed. */
export interface ObservedPool extends Subscribable<LockEvents> {
  /** The emitter of connection events. */
  readonly connections: Subscribable<PoolEvents>
  /** Its state now. */
  snapshot(): Pick<PoolSnapshot, 'connections' | 'sessions' | 'held' | 'waiting' | 'counters'> &
    Partial<Pick<PoolSnapshot, 'primary'>>
}

export interface Sample {
  readonly metric: Metric
  readonly value: number
  readonly attributes: Attributes
}

/** Pure: the samples of a snapshot. */
export function samplesOf(snapshot: ReturnType<ObservedPool['snapshot']>): Sample[] {
  const { connections, counters, primary = null } = snapshot
  const plain = (metric: Metric, value: number): Sample => ({ metric, value, attributes: {} })
  const inState = (state: string, value: number): Sample => ({
    metric: METRICS.connectionCount,
    value,
    attributes: { [CONNECTION_STATE]: state },
  })
  return [
    inState('idle', connections.idle),
    inState('used', connections.leased),
    plain(METRICS.connectionMax, connections.max),
    plain(METRICS.connectionIdleMin, connections.min),
    plain(METRICS.connectionPending, connections.waiting),
    plain(METRICS.connectionTimeouts, connections.timeouts),
    plain(METRICS.sessions, snapshot.sessions.length),
    plain(METRICS.held, snapshot.held),
    plain(METRICS.waiting, snapshot.waiting),
    plain(METRICS.acquired, counters.acquired),
    plain(METRICS.handedOff, counters.handedOff),
    plain(METRICS.released, counters.released),
    plain(METRICS.lost, counters.lost),
    plain(METRICS.refused, counters.refused),
    plain(METRICS.timeouts, counters.timeouts),
    plain(METRICS.deadlocks, counters.deadlocks),
    plain(METRICS.primaryChanges, primary?.changes ?? 0),
    plain(METRICS.primaryDown, (primary?.downMs ?? 0) / 1000),
  ]
}

/** Records a duration in seconds. */
export type Recorder = (seconds: number) => void

/**
 * Records durations until the returned function is called; before this call nothing is measured. `recorder` is called once
 * per series, so that nothing has to be looked up while locks come and go.
 */
export function recordDurations(
  locks: ObservedPool,
  recorder: (metric: Metric, attributes: Attributes) => Recorder,
): () => void {
  const byMode = (metric: Metric): Readonly<Record<LockMode, Recorder>> => ({
    exclusive: recorder(metric, { [LOCK_MODE]: 'exclusive' }),
    shared: recorder(metric, { [LOCK_MODE]: 'shared' }),
  })
  const [waited, held] = [byMode(METRICS.waitTime), byMode(METRICS.holdTime)]
  const created = recorder(METRICS.connectionCreateTime, {})
  const queued = recorder(METRICS.connectionWaitTime, {})
  const used = recorder(METRICS.connectionUseTime, {})

  const onAcquired = ({ mode, waitedMs }: LockEvents['lock:acquired']): void => waited[mode](waitedMs / 1000)
  const onReleased = ({ mode, heldMs }: LockEvents['lock:released']): void => held[mode](heldMs / 1000)
  const onOpened = ({ tookMs }: PoolEvents['connection:opened']): void => created(tookMs / 1000)
  const onLent = ({ waitedMs }: PoolEvents['connection:checked-out']): void => queued(waitedMs / 1000)
  const onReturned = ({ heldMs }: PoolEvents['connection:checked-in']): void => used(heldMs / 1000)
  const { connections } = locks
  locks.on('lock:acquired', onAcquired)
  locks.on('lock:released', onReleased)
  connections.on('connection:opened', onOpened)
  connections.on('connection:checked-out', onLent)
  connections.on('connection:checked-in', onReturned)
  return () => {
    locks.off('lock:acquired', onAcquired)
    locks.off('lock:released', onReleased)
    connections.off('connection:opened', onOpened)
    connections.off('connection:checked-out', onLent)
    connections.off('connection:checked-in', onReturned)
  }
}
