import { SAID, type LockOperation, type OperationKind } from '../../lock-operation.js'
import {
  REGISTRATION_SUFFIXES,
  registrationNames,
  slotNames,
  slotSuffix,
  WRITER_SUFFIX,
} from '../keys/lock-names.js'
import type { RegistrationBook } from '../notify/registration-book.js'
import type { Statement } from './batch-sql.js'
import type { Holdings } from './holdings.js'
import { CODES, isPlain, suffixAt, type SharedOperation, type SharedStatements } from './shared-sql.js'

/** One operation as it is sent to the server, with `sharedSlots`. */
interface SharedEntry {
  readonly operation: SharedOperation
  readonly asked: LockOperation
  /** This session's registration or its reader slot, depending on the operation; empty if it has none. */
  readonly name: string
  readonly flag: 0 | 1
}

/** What a session knows of its locks. */
interface Books {
  readonly holdings: Holdings
  readonly registrations: RegistrationBook
}

/** The operations of one batch, with `sharedSlots`: as the server runs them, and what its answers mean. */
export class SharedBatch {
  readonly #entries: readonly SharedEntry[]
  readonly #books: Books

  constructor(operations: readonly LockOperation[], books: Books) {
    this.#books = books
    this.#entries = operations.map((asked) => entryOf(asked, books))
  }

  /** The statement and its parameters. A single operation has a statement of its own. */
  statement({ single, plain, batch }: SharedStatements): readonly [string, (string | number)[]] {
    const entries = this.#entries
    if (entries.length === 1) {
      const statement = single[entries[0]!.operation]
      return [statement.sql, parametersOf(statement, entries[0]!)]
    }
    const rows = entries.map(
      ({ operation, asked, name, flag }) => `[${CODES[operation]},"${asked.key.id}","${name}",${flag}]`,
    )
    const sql = entries.every(({ operation }) => isPlain(operation)) ? plain : batch
    return [sql, [`[${rows.join(',')}]`]]
  }

  /**
   * Converts the server's answers, and records in the books what the session has now. `drawn` is what the server drew for
   * the token, if the answer to a single operation has it. Null if there are not as many answers as operations.
   */
  decode(text: string): { readonly answers: string; readonly drawn: string | null } | null {
    const words = text.split(',')
    if (words.length !== this.#entries.length) return null
    let answers = ''
    let drawn: string | null = null
    for (let i = 0; i < words.length; i++) {
      let word = words[i]!
      const colon = word.length > 1 ? word.indexOf(':') : -1
      if (colon >= 0) {
        drawn = word.slice(colon + 1)
        word = word.slice(0, colon)
      }
      answers += decode(word, this.#entries[i]!, this.#books)
    }
    return { answers, drawn }
  }

  /** All names that the batch may have acquired. */
  doubtfulNames(slots: number): string[] {
    return this.#entries.flatMap(({ asked: { key, mode, kind } }) => {
      const isReader = mode === 'shared' || kind === 'downgrade'
      return [
        key.id,
        ...registrationNames(key.id),
        key.id + WRITER_SUFFIX,
        ...(isReader ? slotNames(key.id, slots) : []),
      ]
    })
  }
}

function entryOf(asked: LockOperation, books: Books): SharedEntry {
  const { kind, mode, key } = asked
  const isAttempt = kind === 'wait' || kind === 'retry' || kind === 'poll'
  if (isAttempt || kind === 'queue' || kind === 'yield')
    books.registrations.asks(key.id, mode === 'shared' ? 'reader' : 'writer')
  if (isAttempt) return attempt(asked, books)
  if (mode === 'shared') return ofReader(asked, books)
  const isRelease = kind === 'release' || kind === 'releaseEarly'
  const isWide = isRelease && books.registrations.isContended(key.id)
  return entry(asked, isWide ? 'releaseWide' : OF_WRITER[kind], nameFor(asked, books))
}

function entry(asked: LockOperation, operation: SharedOperation, name = '', flag: 0 | 1 = 0): SharedEntry {
  return { operation, asked, name, flag }
}

/** The flag says that a reader yields to a waiting writer, or that a writer announces itself. */
function attempt(asked: LockOperation, { holdings, registrations }: Books): SharedEntry {
  const { kind, mode, key } = asked
  const registration = registrations.slotOf(key.id) ?? ''
  if (mode === 'shared') return entry(asked, 'askShared', registration, kind === 'retry' ? 0 : 1)
  return entry(asked, 'ask', registration, holdings.hasIntent(key.id) ? 0 : 1)
}

function ofReader(asked: LockOperation, books: Books): SharedEntry {
  const { kind, key } = asked
  const slot = books.holdings.slotOf(key.id)
  const needsSlot = kind === 'release' || kind === 'releaseEarly' || kind === 'upgrade'
  if (needsSlot && slot === null) return entry(asked, 'refuse')
  // A name that is taken twice would have to be released twice.
  if (kind === 'setIntent' && books.holdings.hasIntent(key.id)) return entry(asked, 'refuse')
  const isWide = needsSlot && kind !== 'upgrade' && books.registrations.isContended(key.id)
  return entry(
    asked,
    isWide ? 'releaseSharedWide' : OF_READER[kind],
    kind === 'leave' ? nameFor(asked, books) : (slot ?? ''),
  )
}

/** The registration that `leave` ends. MySQL refuses an empty name; any name that the session does not hold is suitable. */
function nameFor({ kind, key: { id } }: LockOperation, { registrations }: Books): string {
  return kind === 'leave' ? (registrations.slotOf(id) ?? id + REGISTRATION_SUFFIXES[0]!) : ''
}

const OF_BOTH = {
  join: 'join',
  rejoin: 'grant',
  queue: 'queue',
  yield: 'yield',
  downgrade: 'downgrade',
  leave: 'leave',
  setIntent: 'setIntent',
  clearIntent: 'clearIntent',
  upgrade: 'upgrade',
  // The statements of these are chosen elsewhere.
  wait: 'refuse',
  retry: 'refuse',
  poll: 'refuse',
  enqueue: 'refuse',
} as const satisfies Partial<Record<OperationKind, SharedOperation>>
const OF_WRITER: Readonly<Record<OperationKind, SharedOperation>> = {
  ...OF_BOTH,
  ...{ try: 'try', release: 'release', releaseEarly: 'release' },
}
const OF_READER: Readonly<Record<OperationKind, SharedOperation>> = {
  ...OF_BOTH,
  ...{ try: 'tryShared', release: 'releaseShared', releaseEarly: 'releaseShared' },
}

function parametersOf({ names }: Statement, { asked, name, flag }: SharedEntry): (string | number)[] {
  const { id } = asked.key
  return names.map((place) => {
    if (place === 'k') return id
    if (place === 's') return name
    return place === 'y' ? flag : id + suffixAt(place)
  })
}

/** Operations whose answer begins with the registration. */
const REGISTERS: ReadonlySet<SharedOperation> = new Set(['ask', 'askShared', 'queue', 'yield'])

/** The answer in the form of the lock layer. */
function decode(word: string, { operation, asked }: SharedEntry, books: Books): string {
  const { id } = asked.key
  const { holdings, registrations } = books
  const registration = REGISTERS.has(operation) && /^[0-9c-]/.test(word) ? word[0]! : ''
  const said = registration === '' ? word : word.slice(1)
  const isRegistered = registration !== '' && registration !== SAID.crowded
  if (isRegistered && registration !== '-') registrations.set(id, registration)
  if (said[0] === 'i') holdings.setIntent(id)
  if (said[0] === SAID.granted) {
    granted(said.slice(1), asked, books)
    return SAID.granted
  }
  return notGranted(said, isRegistered, asked, books)
}

function notGranted(said: string, isRegistered: boolean, asked: LockOperation, books: Books): string {
  const { holdings, registrations } = books
  const { id } = asked.key
  switch (asked.kind) {
    case 'wait':
    case 'queue':
      return isRegistered ? SAID.waiting : SAID.crowded
    case 'retry':
    case 'poll':
      return isRegistered ? SAID.no : SAID.crowded
    case 'yield':
      if (said !== '') registrations.drop(id)
      return released(asked, books, said !== '' ? said : isRegistered ? SAID.waiting : SAID.crowded)
    case 'release':
    case 'releaseEarly':
      if (said !== SAID.doneAndWanted) registrations.notContended(id)
      return released(asked, books, said)
    case 'leave':
      if (said !== SAID.doneAndWanted) registrations.notContended(id)
      registrations.drop(id)
      holdings.clearIntent(id)
      return said
    case 'clearIntent':
      holdings.clearIntent(id)
      return said
    case 'setIntent':
      return SAID.done
    case 'try':
    case 'join':
    case 'rejoin':
    case 'upgrade':
    case 'downgrade':
    case 'enqueue':
      return said
  }
}

function released({ mode, key: { id } }: LockOperation, { holdings }: Books, said: string): string {
  if (mode === 'shared') holdings.releasedSlot(id)
  else holdings.released(id)
  return said
}

/** `slot` is empty if the session got the lock itself, or kept what it had. */
function granted(
  slot: string,
  { kind, key: { id } }: LockOperation,
  { holdings, registrations }: Books,
): void {
  const isAttempt = kind === 'wait' || kind === 'retry' || kind === 'poll'
  if (isAttempt || kind === 'yield') registrations.drop(id)
  if (kind === 'join' || kind === 'rejoin' || kind === 'yield') return
  if (slot !== '') {
    if (kind === 'downgrade') holdings.released(id)
    holdings.acquiredSlot(id, `${id}${slotSuffix(Number(slot))}`)
    return
  }
  if (kind === 'upgrade') holdings.releasedSlot(id)
  if (isAttempt || kind === 'upgrade') holdings.clearIntent(id)
  holdings.acquired(id)
}
