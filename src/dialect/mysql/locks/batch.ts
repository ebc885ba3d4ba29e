import { assert } from '../../../base/assert.js'
import { SAID, type LockOperation, type OperationKind } from '../../lock-operation.js'
import { OPERATIONS, type ServerOperation, type Statement } from './batch-sql.js'
import type { RegistrationBook } from '../notify/registration-book.js'
import { REGISTRATION_SUFFIXES, QUEUE_SUFFIX } from '../keys/lock-names.js'

/** One operation as it is sent to the server. */
export interface BatchEntry {
  readonly operation: ServerOperation
  readonly kind: OperationKind
  readonly name: string
  /** The name of this session's registration for it. */
  readonly slot: string | null
}

/** The operations that leave a registration if they are not granted. */
const ASKS: ReadonlySet<OperationKind> = new Set(['wait', 'queue', 'retry', 'poll', 'yield'])

/** Chooses the server operation for each operation, depending on the registrations of this session. */
export function batchOf(operations: readonly LockOperation[], registrations: RegistrationBook): BatchEntry[] {
  return operations.map(({ kind, mode, key: { id: name } }) => {
    assert(mode === 'exclusive', 'named locks have one mode')
    const slot = registrations.slotOf(name)
    if (ASKS.has(kind)) registrations.asks(name, 'writer')
    return { operation: serverOperation(kind, name, slot, registrations), kind, name, slot }
  })
}

function serverOperation(
  kind: OperationKind,
  name: string,
  slot: string | null,
  registrations: RegistrationBook,
): ServerOperation {
  switch (kind) {
    case 'try':
    case 'yield':
    case 'queue':
      return kind
    case 'release':
    case 'releaseEarly':
      return registrations.isContended(name) ? 'releaseWide' : 'release'
    case 'wait':
    case 'retry':
    case 'poll':
      if (slot === null) return 'wait'
      return slot.endsWith(REGISTRATION_SUFFIXES[0]!) ? 'retry' : 'promote'
    case 'leave':
      return slot === null ? 'depart' : 'leave'
    case 'join':
    case 'rejoin':
    case 'upgrade':
    case 'downgrade':
    case 'setIntent':
    case 'clearIntent':
      return assert(false, 'only readers do this') as never
    case 'enqueue':
      return assert(false, 'it is sent as a separate statement') as never
  }
}

/** The parameters of a statement for one operation. */
export function parametersOf({ names }: Statement, { name, slot }: BatchEntry): string[] {
  return names.map((each) => {
    if (each === 'k') return name
    if (each === 's') return slot!
    return `${name}${each === 'l' ? QUEUE_SUFFIX : REGISTRATION_SUFFIXES[Number(each)]!}`
  })
}

/** The parameter of a batch. Names contain no character that JSON would escape. */
export function batchParameter(entries: readonly BatchEntry[]): string {
  const rows = entries.map(({ operation, name, slot }) => {
    const code = OPERATIONS[operation].code
    return slot === null ? `[${code},"${name}"]` : `[${code},"${name}","${slot}"]`
  })
  return `[${rows.join(',')}]`
}

/** Converts the server's answer to one operation, and updates the registrations of this session. */
export function recordAnswer(
  answer: string,
  { kind, name }: BatchEntry,
  registrations: RegistrationBook,
): string {
  if (answer >= '0' && answer <= '9') {
    registrations.set(name, answer)
    return kind === 'retry' || kind === 'poll' ? SAID.no : SAID.waiting
  }
  const givesUp = kind === 'release' || kind === 'releaseEarly' || kind === 'leave'
  if (givesUp && answer !== SAID.doneAndWanted) registrations.notContended(name)
  // The registration was set before, and the lock was not granted.
  if (answer === SAID.no && kind === 'wait') return SAID.waiting
  const isOver = answer === SAID.granted || kind === 'leave' || kind === 'yield'
  if (isOver && answer !== SAID.crowded) registrations.drop(name)
  return answer
}
