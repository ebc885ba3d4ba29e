import type {
  AdvisoryTarget,
  LockRow,
  LockTarget,
  ServerSession,
  ServerState,
} from '../../src/dialect/server-state.js'

/** A state of a server's locks, for inspections. Parts that a test leaves out cause no findings. */
export function serverState(parts: Partial<ServerState> = {}): ServerState {
  return {
    server: {
      at: new Date(0),
      product: 'PostgreSQL',
      version: '18.1',
      database: 'app',
      isStandby: false,
      lockTable: { used: 10, capacity: 1000 },
      connections: { used: 3, max: 100 },
      hasKeyNames: false,
    },
    sessions: [],
    locks: [],
    blockers: new Map(),
    interests: [],
    announcements: [],
    names: { nameOf: () => null, semaphoreOf: () => null },
    ...parts,
  }
}

export function serverSession(pid: number, more: Partial<ServerSession> = {}): ServerSession {
  return {
    pid,
    application: `app ${pid}`,
    host: null,
    user: 'app',
    state: 'active',
    waitsFor: null,
    query: 'SELECT 1',
    startedAt: '2026-01-01 00:00:00+00',
    sessionMs: 60_000,
    transactionMs: null,
    stateMs: 1000,
    isLockSession: false,
    ...more,
  }
}

export function key(number: number): AdvisoryTarget {
  return { kind: 'advisory', id: String(number), key: String(number), hash: number }
}

export function row(tuple: number): LockTarget {
  return { kind: 'row', table: 'orders', page: 0, tuple }
}

export function transaction(number: number): LockTarget {
  return { kind: 'transaction', transaction: String(number) }
}

export function held(target: LockTarget, pid: number, mode = 'exclusive'): LockRow {
  return { target, pid, mode, isGranted: true, waitedMs: null }
}

export function wanted(target: LockTarget, pid: number, waitedMs: number, mode = 'exclusive'): LockRow {
  return { target, pid, mode, isGranted: false, waitedMs }
}
