import { LockPool } from '../../src/index.js'
import { connectTo } from '../server.js'
import { serveTurns, type Contestant } from '../turns.js'
import { PERMITS, type ContestantName } from './turns-terms.js'

/** Longer than any round. A wait beyond the default timeout counts instead of failing. */
const PATIENCE = { timeoutMs: 120_000 }

/** `pooled` leads to the same server through a pooler in transaction mode. */
const [url = '', pooled = ''] = process.argv.slice(2)

serveTurns((name) => {
  switch (name as ContestantName) {
    case 'lockpool':
      return withLockpool()
    case 'semaphore':
      return withSemaphore()
    case 'blocking':
      return withBlockingStatements()
    case 'rows, notified':
      return withRows(url)
    case 'rows, polling':
      return withRows(pooled)
  }
})

function openPool(): Promise<LockPool> {
  return new LockPool({ connection: url, applicationName: 'lockpool-bench-turns' }).ready()
}

async function withLockpool(): Promise<Contestant> {
  return contestant(await openPool())
}

async function withRows(connection: string): Promise<Contestant> {
  const settings = { backend: 'table', namespace: 'rows', applicationName: 'lockpool-bench-turns' } as const
  return contestant(await new LockPool({ connection, ...settings }).ready())
}

function contestant(locks: LockPool): Contestant {
  return {
    lock: async (key) => {
      const lock = await locks.acquire(key, PATIENCE)
      return () => lock.release()
    },
    close: () => locks.close(),
  }
}

async function withSemaphore(): Promise<Contestant> {
  const locks = await openPool()
  return {
    lock: async (key) => {
      const permit = await locks.semaphore(key, PERMITS).acquire(PATIENCE)
      return () => permit.release()
    },
    close: () => locks.close(),
  }
}

/** Waits in the server's own queue, which costs a connection per waiter. */
async function withBlockingStatements(): Promise<Contestant> {
  const client = await connectTo(url)
  const lock = { name: 'lock', text: 'SELECT pg_advisory_lock(hashtextextended($1, 0))' }
  const unlock = { name: 'unlock', text: 'SELECT pg_advisory_unlock(hashtextextended($1, 0))' }
  return {
    lock: async (key) => {
      const values = [key]
      await client.query({ ...lock, values })
      return () => client.query({ ...unlock, values })
    },
    close: () => client.end(),
  }
}
