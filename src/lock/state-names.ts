import type { KeyState } from './key/key-state.js'

/** The states of the notification listener of a process, as `snapshot()` shows them. */
export type ListenerState = 'off' | 'opening' | 'listening' | 'polling'

/**
 * The states of a key in this process, as `snapshot()` shows them: `polling` is an attempt by a waiter, `queued` a wait in the
 * server's own queue, `converting` a change between shared and exclusive, `registering-intent` the announcement of a waiting
 * writer, and `notifying` the wake-up of waiters in other processes. The state machine is in ARCHITECTURE.md.
 */
export type KeyStateName =
  | 'idle'
  | 'trying'
  | 'polling'
  | 'queued'
  | 'waiting'
  | 'delayed'
  | 'held'
  | 'joining'
  | 'converting'
  | 'registering-intent'
  | 'releasing'
  | 'notifying'
  | 'yielding'
  | 'leaving'

/**
 * The states of a lock session, as `snapshot()` and events show them: `executing` while a batch is on the wire, `queued` while it
 * waits in the server for the only key it is used for, else `holding` if it holds locks, or `idle`.
 */
export type SessionStateName = 'idle' | 'executing' | 'queued' | 'holding' | 'closing' | 'closed'

/** The states of a semaphore in this process, as `snapshot()` shows them. */
export type SemaphoreStateName =
  'idle' | 'taking' | 'polling' | 'queued' | 'waiting' | 'releasing' | 'yielding' | 'leaving'

export const KEY_STATE_NAMES: Readonly<Record<KeyState, KeyStateName>> = {
  idle: 'idle',
  trying: 'trying',
  polling: 'polling',
  queued: 'queued',
  waiting: 'waiting',
  delayed: 'delayed',
  held: 'held',
  joining: 'joining',
  converting: 'converting',
  registeringIntent: 'registering-intent',
  releasing: 'releasing',
  notifying: 'notifying',
  yielding: 'yielding',
  leaving: 'leaving',
}
