import { SAID } from '../../lock-operation.js'
import type { Statement } from './batch-sql.js'
import { REST_S, TOKEN } from './server-queue-sql.js'
import { after, noReader, single, slotsOf } from './shared-sql.js'

/**
 * Waits in the queue for a lock, and acquires it: see `ENQUEUE`. The session that holds the name of the queue waits for
 * the lock. With the lock, a writer waits until each reader slot was free once: meanwhile no reader gets one. A reader takes
 * a slot, and releases the lock.
 *
 * Returns `f` if the lock was free at once, `g` after a wait, `x` if no slot is free, or `n`; after that the number of the slot, if any, and a
 * colon with the token, if any. The places are those of a batch, and `:t`, the seconds of the wait.
 */
export interface QueueStatements {
  readonly exclusive: Statement
  readonly shared: Statement
}

const REST = REST_S.replaceAll('?', ':t')

const leave = (said: string): string => after('RELEASE_LOCK(:l)', said)
const giveUp = after('RELEASE_LOCK(:k)', leave(`'n'`))

function inQueue(now: string, atHead: string): string {
  return (
    `CASE WHEN GET_LOCK(:l, 0) = 1 THEN CASE ${now} ` +
    `WHEN GET_LOCK(:k, :t) = 1 THEN ${atHead} ELSE ${leave(`'n'`)} END ` +
    `WHEN GET_LOCK(:l, :t) = 1 THEN IF(GET_LOCK(:k, ${REST}) = 1, ${atHead}, ${leave(`'n'`)}) ELSE 'n' END`
  )
}

function statements(count: number, hasTokens: boolean): QueueStatements {
  const slots = slotsOf(count)
  const grant = (said: string, slot: string): string =>
    leave(hasTokens ? `CONCAT('${said}${slot}:', ${TOKEN})` : `'${said}${slot}'`)
  const drained = slots
    .map(
      (slot) =>
        `IF(IS_FREE_LOCK(${slot}) = 1, 1, IF(GET_LOCK(${slot}, ${REST}) = 1, RELEASE_LOCK(${slot}), 0)) = 1`,
    )
    .join(' AND ')
  const whenDrained = `IF(${drained}, ${grant('g', '')}, ${giveUp})`
  const takeSlot = (said: string): string => {
    const attempts = slots.map(
      (slot, i) => `WHEN GET_LOCK(${slot}, 0) = 1 THEN ${after('RELEASE_LOCK(:k)', grant(said, String(i)))}`,
    )
    return `CASE ${attempts.join(' ')} ELSE ${after('RELEASE_LOCK(:k)', leave(`'${SAID.noRoom}'`))} END`
  }
  return {
    exclusive: single(
      inQueue(
        `WHEN GET_LOCK(:k, 0) = 1 THEN IF(${noReader(slots)}, ${grant('f', '')}, ${whenDrained})`,
        whenDrained,
      ),
    ),
    shared: single(inQueue(`WHEN GET_LOCK(:k, 0) = 1 THEN ${takeSlot('f')}`, takeSlot('g'))),
  }
}

const KNOWN = new Map<string, QueueStatements>()

/** The statements for this number of reader slots. All sessions of a process share them. */
export function queueStatements(count: number, hasTokens: boolean): QueueStatements {
  const id = `${count} ${hasTokens}`
  let known = KNOWN.get(id)
  if (known === undefined) KNOWN.set(id, (known = statements(count, hasTokens)))
  return known
}
