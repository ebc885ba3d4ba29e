import { LockPool } from '../../src/index.js'
import { inTurn, rate } from '../measure.js'
import { alone, type Bench, type Group, type Row } from '../row.js'

const WAITERS = 1000

/** All callers of one process want the same key. Measures how fast it passes from caller to caller. */
export const hotKey: Group = { name: 'hot-key', run }

async function run({ url, rounds, seconds, say }: Bench): Promise<readonly Row[]> {
  await using locks = new LockPool({ connection: url })
  await locks.ready()
  const handOffs = async (): Promise<number> => {
    const before = locks.snapshot().counters
    const grants = await rate(WAITERS, seconds, async (goesOn) => {
      while (goesOn()) {
        const lock = await locks.acquire('hot key')
        await lock.release()
      }
    })
    const { acquired, handedOff } = locks.snapshot().counters
    return (grants * (handedOff - before.handedOff)) / (acquired - before.acquired)
  }
  const measured = await inTurn(rounds, { lockpool: handOffs }, say)
  return [
    alone({
      what: 'hot key, 1000 waiters in one process',
      unit: 'hand-offs/s',
      ours: measured.lockpool,
      target: { of: 'ours', is: 'at least', limit: 200_000 },
    }),
  ]
}
