import type pg from 'pg'
import { BatchEncoder } from '../../src/dialect/postgres/locks/batch-codec.js'
import { encodeKey } from '../../src/dialect/postgres/keys/key.js'
import { PLAIN_BATCH } from '../../src/dialect/postgres/locks/batch-sql.js'
import { RegistrationBook } from '../../src/dialect/postgres/locks/registration-book.js'
import type { OperationKind } from '../../src/dialect/lock-operation.js'
import { LockPool } from '../../src/index.js'
import { inTurn, rate } from '../measure.js'
import { compared, type Bench, type Group, type Row } from '../row.js'
import { connectTo } from '../server.js'

const KEY = 'one caller'

/** A single caller of a pool. Measures what lockpool adds to two round trips. */
export const oneCaller: Group = { name: 'one-caller', run }

async function run({ url, rounds, seconds, say }: Bench): Promise<readonly Row[]> {
  await using locks = new LockPool({ connection: url })
  await locks.ready()
  const client = await bareClient(url)
  const { rows } = await client.query<{ oid: string }>(`SELECT 'lockpool.fence'::regclass::oid::text AS oid`)
  const lock = statement('try', rows[0]!.oid)
  const unlock = statement('release', null)

  const measured = await inTurn(
    rounds,
    {
      lockpool: () =>
        rate(1, seconds, async (goesOn) => {
          while (goesOn()) {
            const held = await locks.acquire(KEY)
            await held.release()
          }
        }),
      'bare pg': () =>
        rate(1, seconds, async (goesOn) => {
          while (goesOn()) {
            await client.query(lock)
            await client.query(unlock)
          }
        }),
    },
    say,
  )
  await client.end()
  return [
    compared({
      what: 'one caller, acquire and release',
      unit: 'pairs/s',
      ours: measured.lockpool,
      reference: { name: 'bare pg', figures: measured['bare pg'] },
      target: { of: 'ratio', is: 'at least', limit: 1.1 },
      notes: ['the very statements of lockpool, prepared, with parameters encoded beforehand'],
    }),
  ]
}

/** Uses the driver mode and the plans of a lock session. */
async function bareClient(url: string): Promise<pg.Client> {
  const client = await connectTo(url, { pipeline: true })
  await client.query('SET plan_cache_mode = force_generic_plan')
  return client
}

function statement(kind: OperationKind, fence: string | null): pg.QueryArrayConfig {
  const operation = { kind, mode: 'exclusive', key: encodeKey(KEY, 'bare') } as const
  const { codes, keys } = new BatchEncoder(new RegistrationBook()).encode([operation], 0)
  return { name: 'plain', text: PLAIN_BATCH, values: [codes, keys, fence], rowMode: 'array' }
}
