import type { OwnValue, Prepared } from '../connection/own-query.js'
import type { PermitOperation, PermitReply, TakenPermit } from '../../permit-operation.js'
import {
  LEAVE_PERMITS,
  OTHER_PERMITS,
  RELEASE_ONE_PERMIT,
  RELEASE_PERMITS,
  TAKE_ONE_PERMIT,
  TAKE_PERMITS,
} from './permit-sql.js'
import type { RegistrationBook } from './registration-book.js'
import type { QueueWait } from './server-queue.js'
import { shapesOf, type PostgresSemaphore } from '../keys/key.js'

/** Runs a statement that returns one row, which names the session that has run it. */
type Ask = <Row extends { readonly pid: number }>(statement: Prepared, values: OwnValue[]) => Promise<Row>

/** Does the same as `Ask`, after a wait for a key in the server queue. */
type AskInQueue = <Row extends { readonly pid: number }>(
  wait: QueueWait,
  statement: Prepared,
  values: OwnValue[],
) => Promise<Row>

type Done = Omit<PermitReply, 'otherPermits'>

/**
 * Runs an operation on permits. These are separate statements, not part of batches, because the number of rows in their
 * answers is not known in advance.
 */
export async function carryOutPermits(
  ask: Ask,
  askInQueue: AskInQueue,
  operation: PermitOperation,
  fence: string | null,
  book: RegistrationBook,
): Promise<PermitReply> {
  // The check is sent after the operation. If two processes come at the same time, the later check sees the other
  // process.
  const [done, otherPermits] = await Promise.all([
    operation.kind === 'enqueue'
      ? carryOutInQueue(askInQueue, operation, fence, book)
      : carryOut(ask, operation, fence, book),
    operation.looks ? readOtherPermits(ask, operation) : null,
  ])
  return { ...done, otherPermits }
}

function carryOut(
  ask: Ask,
  operation: PermitOperation,
  fence: string | null,
  book: RegistrationBook,
): Promise<Done> {
  switch (operation.kind) {
    case 'take':
    case 'enqueue':
      if (operation.atMost === 1 && operation.slots.length === 0) return takeOne(ask, operation, fence)
      return take(ask, operation, fence, null, false)
    case 'wait':
    case 'retry':
      return takeOrWait(ask, operation, fence, book)
    case 'leave':
      return leave(ask, operation, book)
    case 'release':
      return release(ask, operation)
  }
}

/** Waits in the server queue of one slot, and then takes whichever slot is free. */
async function carryOutInQueue(
  askInQueue: AskInQueue,
  operation: PermitOperation,
  fence: string | null,
  book: RegistrationBook,
): Promise<Done> {
  const { semaphore, from, waitMs } = operation
  let isFree = false
  const onFirstRow = (wasFree: boolean): void => void (isFree = wasFree)
  const wait: QueueWait = {
    key: (semaphore as PostgresSemaphore).slot(from),
    mode: 'exclusive',
    waitMs,
    onFirstRow,
  }
  const ask: Ask = (statement, values) => askInQueue(wait, statement, values)
  const done = await carryOut(ask, operation, fence, book)
  return isFree ? { ...done, said: 'free' } : done
}

/**
 * Takes slots with a registration. This attempt sets it, unless an earlier one, or another key with the same hash, has
 * done so.
 */
async function takeOrWait(
  ask: Ask,
  operation: PermitOperation,
  fence: string | null,
  book: RegistrationBook,
): Promise<Done> {
  const { key } = operation.semaphore as PostgresSemaphore
  const isAlone = book.isAlone(key)
  const sets = isAlone && !book.isSet(key.hash)
  book.add(key)
  const done = await take(ask, operation, fence, isAlone ? key.hash : null, sets)
  if (done.said === 'waiting') return done
  if (isAlone) book.gone(key.hash)
  else book.remove(key)
  return done
}

async function take(
  ask: Ask,
  operation: PermitOperation,
  fence: string | null,
  hash: number | null,
  sets: boolean,
): Promise<Done> {
  const { kind, atMost, from, slots, enters } = operation
  const { key, permits, shape } = operation.semaphore as PostgresSemaphore
  const entered = enters ? shape.bits : null
  const isFirst = kind === 'take' || kind === 'enqueue'
  const values = [key.bits, permits, from, slots, fence, atMost, entered, hash, sets, !isFirst]
  const row = await ask<{ taken: string; said: Done['said']; pid: number }>(STATEMENTS.take, values)
  return { taken: takenOf(row.taken), said: row.said, missing: [] }
}

async function takeOne(ask: Ask, operation: PermitOperation, fence: string | null): Promise<Done> {
  const { from, enters } = operation
  const { key, permits, shape } = operation.semaphore as PostgresSemaphore
  const values = [key.bits, permits, from, fence, enters ? shape.bits : null]
  const { slot, token } = await ask<{ slot: number | null; token: string | null; pid: number }>(
    STATEMENTS.takeOne,
    values,
  )
  return { taken: slot === null ? [] : [{ slot, token }], said: 'done', missing: [] }
}

async function release(ask: Ask, { semaphore, slots, exits }: PermitOperation): Promise<Done> {
  const { key, shape, slot } = semaphore as PostgresSemaphore
  const isOne = slots.length === 1
  const lines = slots.map((number) => slot(number).hash)
  const exited = exits ? shape.bits : null
  const values = [key.bits, isOne ? slots[0]! : slots, key.hash, exited, isOne ? lines[0]! : lines]
  const statement = isOne ? STATEMENTS.releaseOne : STATEMENTS.release
  const row = await ask<{ answers: string; said: Done['said']; pid: number }>(statement, values)
  const isAwaited = row.said === 'done' && row.answers.includes('a')
  const missing = slots.filter((_, i) => row.answers[i] === 'n')
  return { taken: [], said: isAwaited ? 'awaited' : row.said, missing }
}

async function leave(ask: Ask, { semaphore, exits }: PermitOperation, book: RegistrationBook): Promise<Done> {
  const { key, shape } = semaphore as PostgresSemaphore
  const drops = book.hasRegistration(key) && book.isAlone(key)
  if (drops) book.gone(key.hash)
  else book.remove(key)
  await ask(STATEMENTS.leave, [drops ? key.hash : null, exits ? shape.bits : null])
  return { taken: [], said: 'done', missing: [] }
}

async function readOtherPermits(ask: Ask, { semaphore }: PermitOperation): Promise<number | null> {
  const values = [shapesOf(semaphore as PostgresSemaphore), semaphore.permits]
  const row = await ask<{ permits: number | null; pid: number }>(STATEMENTS.others, values)
  return row.permits
}

/** `slot:token slot:token ...` */
function takenOf(text: string): TakenPermit[] {
  if (text === '') return []
  return text.split(' ').map((each) => {
    const [slot, token] = each.split(':') as [string, string]
    return { slot: Number(slot), token: token === '' ? null : token }
  })
}

const STATEMENTS = {
  take: { name: 'lockpool_take_permits', text: TAKE_PERMITS },
  takeOne: { name: 'lockpool_take_permit', text: TAKE_ONE_PERMIT },
  releaseOne: { name: 'lockpool_release_permit', text: RELEASE_ONE_PERMIT },
  release: { name: 'lockpool_release_permits', text: RELEASE_PERMITS },
  leave: { name: 'lockpool_leave_permits', text: LEAVE_PERMITS },
  others: { name: 'lockpool_other_permits', text: OTHER_PERMITS },
} as const
