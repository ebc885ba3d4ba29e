import { hashName } from '../keys/key.js'
import { ROLLBACK } from '../reset/session-state-sql.js'
import { TEST_BEGIN, TEST_COMMIT, TEST_LOOK, TEST_TRY, TEST_UNLOCK } from './self-test-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** How often all steps are gone through: strangers who use the same pooler can hide what it does once, not five times. */
const ROUNDS = 5

interface Step {
  readonly who: 'a' | 'b'
  readonly text: string
  /** What a true lock server answers; nothing is looked at where it is left out. */
  readonly says?: boolean
}

/**
 * Two connections exclude each other, and each keeps its server session, while the other has a transaction open: that is
 * when a pooler that lends sessions per transaction has to lend another one. On a quiet one the first look of `b` ends it,
 * before anything is locked: it gets the session that `a` has just had.
 */
const ROUND: readonly Step[] = [
  { who: 'b', text: TEST_BEGIN },
  { who: 'b', text: TEST_LOOK, says: true },
  { who: 'a', text: TEST_TRY, says: true },
  { who: 'b', text: TEST_TRY, says: false },
  { who: 'b', text: TEST_COMMIT },
  { who: 'a', text: TEST_BEGIN },
  { who: 'a', text: TEST_LOOK, says: true },
  { who: 'b', text: TEST_TRY, says: false },
  { who: 'a', text: TEST_UNLOCK, says: true },
  { who: 'a', text: TEST_COMMIT },
  { who: 'b', text: TEST_TRY, says: true },
  { who: 'b', text: TEST_UNLOCK, says: true },
]

interface Answer {
  readonly pid: number
  readonly said: boolean
}

/**
 * What keeps two connections from being two lock sessions, in words, or null: they have passed. It also finds servers
 * that only pretend to lock, and statements that are routed to more than one server. `pid` is the server process that `a`
 * has been found on; `salt` makes the keys our own.
 */
export async function findFlaw(
  a: ServerConnection,
  b: ServerConnection,
  pid: number,
  salt: string,
): Promise<string | null> {
  const clients = { a, b }
  const pids: { a: number; b: number | null } = { a: pid, b: null }
  for (let round = 0; round < ROUNDS; round++) {
    const key = Number(BigInt.asIntN(32, hashName(`${pid} ${round}`, salt)))
    for (const step of ROUND) {
      const flaw = await take(step, clients, pids, key)
      if (flaw === null) continue
      await Promise.all([cleanUp(a, key), cleanUp(b, key)])
      return flaw
    }
  }
  return null
}

async function take(
  { who, text, says }: Step,
  clients: Readonly<Record<'a' | 'b', ServerConnection>>,
  pids: { a: number; b: number | null },
  key: number,
): Promise<string | null> {
  if (says === undefined) {
    await clients[who].query(text)
    return null
  }
  const { rows } = await clients[who].query<Answer>(text, [key])
  const { pid, said } = rows[0]!
  pids[who] ??= pid
  if (pids.a === pids.b) return 'two connections were given one server session'
  if (pids[who] !== pid) return 'the statements of one connection reached different server sessions'
  if (said === says) return null
  return says
    ? 'a lock could not be taken, or not be given back, where it should have been'
    : 'two connections were told yes for one lock'
}

/** As far as it goes: a pooler may have left what was locked with a session that is out of reach. */
async function cleanUp(client: ServerConnection, key: number): Promise<void> {
  try {
    await client.query(TEST_UNLOCK, [key])
    await client.query(TEST_UNLOCK, [key])
    await client.query(ROLLBACK)
  } catch {
    // It is not used any more, and will be closed.
  }
}
