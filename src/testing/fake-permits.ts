import type { PermitOperation, PermitReply, SemaphoreCode, TakenPermit } from '../dialect/permit-operation.js'
import type { FakeLockTable, Owner } from './fake-lock-table.js'

/** The keys of a semaphore in a FakeServer: its slots are `id:0`, `id:1` and so on. */
export function fakeSemaphore(keyId: string, permits: number): SemaphoreCode {
  const id = `semaphore:${keyId}`
  return {
    key: { id },
    permits,
    shape: { id: `${id}=${permits}` },
    slot: (number) => ({ id: `${id}:${number}` }),
  }
}

/**
 * Executes operations on permits. It stops after `slotsBeforeFault` slots. `isTurn`: the first slot is next for this session.
 */
export function carryOutPermits(
  table: FakeLockTable,
  owner: Owner,
  operation: PermitOperation,
  draw: () => string | null,
  slotsBeforeFault: number,
  isTurn = false,
): PermitReply {
  const { kind, semaphore } = operation
  const reply: PermitReply = { taken: [], said: 'done', missing: [], otherPermits: null }
  if (kind === 'leave') {
    table.endRegistration(owner, semaphore.key)
    if (operation.exits) table.drop(owner, semaphore.shape, 'shared')
    return reply
  }
  if (kind === 'release') {
    const slots = operation.slots.slice(0, slotsBeforeFault)
    // Checked before the waiters have the slots: a real server takes longer to wake them than to look.
    const isAwaited = slots.some((slot) => table.isAwaited(semaphore.slot(slot).id))
    const missing = slots.filter((slot) => !table.drop(owner, semaphore.slot(slot), 'exclusive'))
    if (operation.exits) table.drop(owner, semaphore.shape, 'shared')
    const said = table.isWanted(owner, semaphore.key.id) ? 'wanted' : isAwaited ? 'awaited' : 'done'
    return { ...reply, missing, said }
  }
  const isInterested = kind !== 'take' && table.setInterest(owner, semaphore.key)
  if (isTurn) table.takeInTurn(owner, semaphore.slot(operation.from), 'exclusive')
  const taken = take(table, owner, operation, draw, slotsBeforeFault)
  if (operation.enters && (taken.length > 0 || kind === 'wait')) table.take(owner, semaphore.shape, 'shared')
  const isEnough = taken.length === operation.atMost
  if (isEnough && kind !== 'take') table.endRegistration(owner, semaphore.key)
  const said = kind === 'take' || isEnough ? 'done' : isInterested ? 'waiting' : 'crowded'
  return { ...reply, taken, said, otherPermits: operation.looks ? otherPermits(table, semaphore) : null }
}

function take(
  table: FakeLockTable,
  owner: Owner,
  { semaphore, from, slots, atMost }: PermitOperation,
  draw: () => string | null,
  slotsBeforeFault: number,
): TakenPermit[] {
  const taken: TakenPermit[] = []
  for (let i = 0; i < semaphore.permits && taken.length < Math.min(atMost, slotsBeforeFault); i++) {
    const slot = (from + i) % semaphore.permits
    if (!slots.includes(slot) && table.take(owner, semaphore.slot(slot), 'exclusive'))
      taken.push({ slot, token: draw() })
  }
  return taken
}

function otherPermits(table: FakeLockTable, { key, permits }: SemaphoreCode): number | null {
  const prefix = `${key.id}=`
  const found = table.heldIds
    .filter((id) => id.startsWith(prefix))
    .map((id) => Number(id.slice(prefix.length)))
  return found.find((each) => each !== permits) ?? null
}
