import { inTurn } from '../measure.js'
import { alone, type Bench, type Group, type Row } from '../row.js'
import { WorkerProcess } from '../worker.js'
import type { MemoryQuestion } from '../workers/memory.js'

/** The heap of this process per held lock, and per waiting caller. */
export const memory: Group = { name: 'memory', run }

async function run({ url, rounds, say }: Bench): Promise<readonly Row[]> {
  const measured = await inTurn(
    rounds,
    { held: () => bytes(url, 'held'), waiting: () => bytes(url, 'waiting') },
    say,
  )
  return [
    alone({
      what: 'heap per lock held',
      unit: 'bytes',
      ours: measured.held,
      target: { of: 'ours', is: 'at most', limit: 600 },
      notes: ['10000 distinct names; the names themselves are the caller’s'],
    }),
    alone({
      what: 'heap per waiting caller',
      unit: 'bytes',
      ours: measured.waiting,
      target: { of: 'ours', is: 'at most', limit: 400 },
      notes: ['10000 callers for one key; without what awaiting costs the caller'],
    }),
  ]
}

/** Measures in a new process each time, because an earlier measurement changes the heap. */
async function bytes(url: string, question: MemoryQuestion): Promise<number> {
  await using worker = new WorkerProcess<MemoryQuestion, number>('memory', [url], ['--expose-gc'])
  return await worker.ask(question)
}
