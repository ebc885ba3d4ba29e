import { ConnectionError } from '../../base/errors.js'
import type { Holding } from '../dialect.js'
import { BUCKET_CLASS, INTEREST_CLASS, WRITER_CLASS, type PostgresKey } from './postgres-key.js'
import { HELD_BY, UNLOCK_EACH } from './postgres-sql.js'
import type { ServerConnection } from './server-connection.js'

/** One advisory lock as pg_locks shows it. */
interface ServerHold {
  readonly bits: string
  readonly is_pair: boolean
  readonly is_exclusive: boolean
}

/** A lock may have been taken twice, and pg_locks does not count: unlocking is repeated until nothing is left over. */
const MAX_ROUNDS = 5

/**
 * Makes a session hold exactly `expected`. What is too much is unlocked, which works even with a full lock table;
 * what is missing is answered.
 */
export async function makeHold(
  server: ServerConnection,
  serverId: number,
  expected: readonly Holding[],
): Promise<readonly Holding[]> {
  const allowed = new Set(expected.flatMap(holdsOf).map(nameOf))
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { rows } = await server.query<ServerHold>(HELD_BY, [serverId])
    const extra = rows.filter((hold) => !allowed.has(nameOf(hold)))
    if (extra.length === 0) {
      const held = new Set(rows.map(nameOf))
      return expected.filter((holding) => holding.what !== 'mark' && !held.has(nameOf(holdsOf(holding)[0]!)))
    }
    await server.query(UNLOCK_EACH, [
      extra.map((hold) => hold.bits),
      extra.map((hold) => hold.is_pair),
      extra.map((hold) => hold.is_exclusive),
      serverId,
    ])
  }
  throw new ConnectionError('the session holds locks that it can not give up')
}

/**
 * What one holding is at the server. The first is what it can't be without; a waiting writer's mark may be there or not,
 * because another may have been quicker to set it.
 */
function holdsOf({ key, what }: Holding): ServerHold[] {
  const { bits, isPair, hash } = key as PostgresKey
  const mark = { bits: pairBits(WRITER_CLASS, hash), is_pair: true, is_exclusive: true }
  if (what === 'mark') return [mark]
  if (what !== 'interest') return [{ bits, is_pair: isPair, is_exclusive: what === 'exclusive' }]
  return [
    { bits: pairBits(INTEREST_CLASS, hash), is_pair: true, is_exclusive: false },
    { bits: pairBits(BUCKET_CLASS, hash & 31), is_pair: true, is_exclusive: false },
    mark,
  ]
}

function nameOf(hold: ServerHold): string {
  return `${hold.is_pair ? 'p' : ''}${hold.bits}${hold.is_exclusive ? 'x' : 's'}`
}

/** As HELD_BY shows a pair: pg_locks has both halves as unsigned numbers. */
function pairBits(first: number, second: number): string {
  return String(
    BigInt.asIntN(64, (BigInt.asUintN(32, BigInt(first)) << 32n) | BigInt.asUintN(32, BigInt(second))),
  )
}
