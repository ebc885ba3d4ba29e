import { setImmediate as turn } from 'node:timers/promises'
import { LockPool, type Lock } from '../../src/index.js'
import { serve } from '../worker.js'

/** What to measure: bytes of heap per held lock, or per waiting caller. */
export type MemoryQuestion = 'held' | 'waiting'

const COUNT = 10_000
/** One collection is not enough: objects that a finalizer or a weak reference releases are freed in the next one. */
const COLLECTIONS = 5

const [url = ''] = process.argv.slice(2)
const options = { connection: url, maxHeldLocks: 2 * COUNT, maxWaiting: 2 * COUNT, acquireTimeoutMs: 60_000 }
const names = Array.from({ length: COUNT }, (_, index) => `memory ${index}`)

serve(
  async (question: MemoryQuestion): Promise<number> => {
    // The first pool pays for compiled code and caches of the driver. The second measures only itself.
    await bytesEach(question)
    return bytesEach(question)
  },
  async () => undefined,
)

async function bytesEach(question: MemoryQuestion): Promise<number> {
  const locks = await new LockPool(options).ready()
  await locks.acquire('the first')
  const wanted: (Promise<Lock> | Lock | null)[] = names.map(() => null)
  const before = await heapUsed()
  for (const [index, name] of names.entries()) {
    wanted[index] = locks.acquire(question === 'held' ? name : 'the first')
  }
  if (question === 'held') for (const index of names.keys()) wanted[index] = await wanted[index]!
  const after = await heapUsed()
  const outcomes = Promise.allSettled(wanted.map((each) => Promise.resolve(each)))
  await locks.close({ graceMs: 0 })
  await outcomes
  return (after - before) / COUNT
}

async function heapUsed(): Promise<number> {
  for (let i = 0; i < COLLECTIONS; i++) {
    await turn()
    globalThis.gc!()
  }
  return process.memoryUsage().heapUsed
}
