import type { Asking, TakenSlots } from '../../rows/row-store.js'
import { STEP } from '../../rows/row-change.js'
import { OutcomeUnknown } from '../../rows/statement-runner.js'
import type { RowWriter } from './row-writer.js'
import type { StoredRow } from './stored-row.js'

/**
 * Takes the first free slots of a semaphore, in the order of the keys. Other members may take the same ones, so this
 * reads and tries again until it has enough, or none is free.
 */
export async function takeSlots(
  writer: RowWriter,
  keys: readonly string[],
  atMost: number,
  { id, dead }: Asking,
): Promise<TakenSlots> {
  const gone = new Set(dead.map(Number))
  const isFree = (row: StoredRow): boolean => row.owner === null || gone.has(row.owner)
  const taken: string[] = []
  let floor: bigint | null = null
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const found = await writer.send({ quiet: [], contended: [], makes: [], reads: keys })
    if (found.rows === null && !found.hasConflict) {
      if (writer.hasChanged)
        throw new OutcomeUnknown(new Error('the epoch was raised while slots were taken'))
      return { floor: null, taken: null }
    }
    if (found.floor !== null && (floor === null || found.floor < floor)) floor = found.floor
    const { rows } = found
    const free = keys.filter((key) => rows?.has(key) === true && isFree(rows.get(key)!))
    const contended = free.slice(0, atMost - taken.length).map((key) => {
      const before = rows!.get(key)!
      return { key, before, after: { ...before, owner: id, token: before.token + STEP } }
    })
    if (rows !== null && contended.length === 0) break
    // oxlint-disable-next-line no-await-in-loop -- the same
    const { written } = await writer.send({ quiet: [], contended, makes: [], reads: [] })
    for (const { key, after } of contended) if (written.has(key)) taken.push(`${key}:${after.token}`)
    if (taken.length === atMost) break
    // oxlint-disable-next-line no-await-in-loop -- the same
    await writer.pause()
  }
  return { floor: String(floor), taken: taken.length === 0 ? null : taken.join(' ') }
}
