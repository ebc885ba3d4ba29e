import { hashName } from '../keys/key.js'
import { ROLLBACK } from '../reset/session-state-sql.js'
import { TEST_BEGIN, TEST_COMMIT, TEST_LOOK, TEST_TRY, TEST_UNLOCK } from './self-test-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** The number of rounds. Other clients of the same pooler can hide the flaw in one round, but hardly in five. */
const ROUNDS = 5

interface Step {
  readonly who: 'a' | 'b'
  readonly text: string
  /** The answer of a correct lock server. Without this property, the answer is not checked. */
  readonly says?: boolean
}

/**
 * Tests that two connections exclude each other, and that each keeps its server session while the other has a
 * transaction open. A pooler that assigns sessions per transaction must then use another session. If the pooler has no
 * other clients, the first TEST_LOOK of `b` already reveals it, before anything is locked: `b` gets the session that
 * `a` has just used.
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
 * Returns why two connections can't be two lock sessions, in words, or null if they have passed the test. It also
 * detects servers that only pretend to lock, and statements that are routed to several servers. `pid` is the backend
 * that `a` was found on. `salt` makes the keys of the test unique.
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
    ? 'a lock could not be acquired or released although it should have been possible'
    : 'two connections both got the same lock'
}

/** Releases what can be released. A pooler may have left locks in a session that is now out of reach. */
async function cleanUp(client: ServerConnection, key: number): Promise<void> {
  try {
    await client.query(TEST_UNLOCK, [key])
    await client.query(TEST_UNLOCK, [key])
    await client.query(ROLLBACK)
  } catch {
    // The connection is not used any more, and the pool closes it.
  }
}
