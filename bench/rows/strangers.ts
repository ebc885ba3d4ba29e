import pg from 'pg'
import { Arsenal } from '../arsenal.js'
import { inTurn, sharedNow } from '../measure.js'
import { MIXED_KEYS, type MixedOutcome } from '../mixed-work.js'
import { compared, type Bench, type Group, type Row } from '../row.js'
import { WorkerProcess } from '../worker.js'
import type { MixedQuestion } from '../workers/mixed.js'

const PROCESSES = 4
const CALLERS = 10
const MESSAGES_PER_SECOND = 2000
const ROLE = 'lockpool_bench_stranger'
const ELSEWHERE = 'lockpool_bench_elsewhere'

/**
 * Four processes work while strangers try everything that they can, first against lockpool, then with the same noise
 * elsewhere.
 */
export const strangers: Group = { name: 'strangers', run }

async function run({ url, rounds, seconds, say }: Bench): Promise<readonly Row[]> {
  const admin = new pg.Client(url)
  await admin.connect()
  await admin.query(`CREATE ROLE ${ROLE} LOGIN PASSWORD '${ROLE}'`)
  await admin.query(`CREATE DATABASE ${ELSEWHERE}`)
  const theirs = new URL(url)
  theirs.username = theirs.password = ROLE
  const workers = Array.from(
    { length: PROCESSES },
    () => new WorkerProcess<MixedQuestion, MixedOutcome>('mixed', [url, String(CALLERS)]),
  )
  const errors: string[] = []
  const under = async (isAimed: boolean): Promise<number> => {
    await using _ = await Arsenal.drawn({
      url: theirs.href,
      elsewhere: ELSEWHERE,
      keys: MIXED_KEYS,
      messagesPerSecond: MESSAGES_PER_SECOND,
      isAimed,
    })
    const ms = seconds * 1000
    const outcomes = await Promise.all(workers.map((worker) => worker.ask({ untilMs: sharedNow() + ms })))
    errors.push(...outcomes.flatMap((outcome) => outcome.errors))
    return outcomes.reduce((sum, { done }) => sum + done, 0) / seconds
  }
  const measured = await inTurn(rounds, { aimed: () => under(true), beside: () => under(false) }, say)
  await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()))
  await admin.query(`DROP DATABASE ${ELSEWHERE} WITH (FORCE)`)
  await admin.query(`DROP ROLE ${ROLE}`)
  await admin.end()
  return [
    compared({
      what: `${PROCESSES} processes under attack of strangers`,
      unit: 'tasks/s',
      ours: measured.aimed,
      reference: { name: 'the same noise elsewhere', figures: measured.beside },
      target: { of: 'ratio', is: 'at least', limit: 0.8 },
      notes: [`${errors.length} errors${errors.length > 0 ? `, such as ${errors[0]}` : ''}`],
    }),
  ]
}
