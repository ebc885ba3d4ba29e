import { assert } from '../base/assert.js'
import type { Holding } from '../dialect/dialect.js'
import type { KeyCode, LockMode } from '../dialect/lock-key.js'
import { SAID, type Answer, type LockOperation } from '../dialect/lock-operation.js'

/** A holder: in a real server, a server process. */
export type Owner = number

/** No session has this number. */
const STRANGER: Owner = -1

/** One key, as a server knows it. As in PostgreSQL, a session's own locks never block it. */
class KeyRecord {
  exclusive: Owner | null = null
  readonly shared: Set<Owner> = new Set()
  readonly registered: Set<Owner> = new Set()
  /** The session that has set the intent of a writer: the first one that tried. */
  writer: Owner | null = null
  /** A stranger pretends to wait in the queue of the key. */
  isSaidToBeAwaited = false
  /** A stranger holds the lock for registrations exclusively: no session can register, and to all it looks as if one had. */
  isCrowded = false

  get isUnused(): boolean {
    const isHeld = this.isHeld || this.registered.size > 0 || this.writer !== null
    return !isHeld && !this.isCrowded && !this.isSaidToBeAwaited
  }

  get isHeld(): boolean {
    return this.exclusive !== null || this.shared.size > 0
  }

  take(owner: Owner, mode: LockMode): boolean {
    if (this.exclusive !== null && this.exclusive !== owner) return false
    if (mode === 'shared') {
      this.shared.add(owner)
      return true
    }
    if ([...this.shared].some((other) => other !== owner)) return false
    this.exclusive = owner
    return true
  }

  drop(owner: Owner, mode: LockMode): boolean {
    if (mode === 'shared') return this.shared.delete(owner)
    if (this.exclusive !== owner) return false
    this.exclusive = null
    return true
  }

  /** Whether a session that holds nothing of the key could take it. */
  couldBeHad(mode: LockMode): boolean {
    return this.exclusive === null && (mode === 'shared' || this.shared.size === 0)
  }

  wantedBesides(owner: Owner): boolean {
    return this.isCrowded || [...this.registered].some((other) => other !== owner)
  }

  givesWayToWriter(owner: Owner): boolean {
    return this.writer !== null && this.writer !== owner
  }

  /** Registers a session. False if it could not register. */
  setInterest(owner: Owner): boolean {
    if (!this.isCrowded) this.registered.add(owner)
    return this.registered.has(owner)
  }

  endRegistration(owner: Owner): void {
    this.registered.delete(owner)
    if (this.writer === owner) this.writer = null
  }
}

/** The lock table of a server, in memory: the meaning of operations, without their transport. */
export class FakeLockTable {
  readonly #records = new Map<string, KeyRecord>()
  /** @internal Called for every key that may have changed. */
  changed: ((keyId: string) => void) | null = null
  /** @internal Whether processes are in the queue of a key. */
  isQueuedFor: (keyId: string) => boolean = () => false
  /** @internal Whether other processes in its queue go first. */
  isBehind: (keyId: string, mode: LockMode) => boolean = () => false

  /** @internal Executes one operation at once. */
  apply(owner: Owner, { kind, mode, key }: LockOperation): Answer {
    return this.#with(key, (record) =>
      kind === 'yield' ? this.#yield(owner, key.id, record) : this.#answer(owner, kind, mode, key.id, record),
    )
  }

  /** @internal Takes a key for a session whose turn it is. */
  takeInTurn(owner: Owner, key: KeyCode, mode: LockMode): boolean {
    return this.#record(key).take(owner, mode)
  }

  /** @internal Takes a key if no other session has it. */
  take(owner: Owner, key: KeyCode, mode: LockMode): boolean {
    return this.#with(key, (record) => this.#take(owner, key.id, mode, record))
  }

  /** @internal False if it was not held. */
  drop(owner: Owner, key: KeyCode, mode: LockMode): boolean {
    return this.#with(key, (record) => record.drop(owner, mode))
  }

  /** @internal A process waits for the key. False if a stranger is in the way. */
  setInterest(owner: Owner, key: KeyCode): boolean {
    return this.#with(key, (record) => record.setInterest(owner))
  }

  /** @internal A stranger takes the lock for registrations of the key exclusively, or releases it. */
  crowd(keyId: string, isCrowded: boolean): void {
    this.#with({ id: keyId }, (record) => (record.isCrowded = isCrowded))
  }

  /** @internal A session that is not part of a pool sets one of our intents, and never comes. */
  forge(keyId: string, what: 'registration' | 'writer' | 'place in the queue'): void {
    this.#with({ id: keyId }, (record) => {
      if (what === 'registration') record.registered.add(STRANGER)
      else if (what === 'writer') record.writer = STRANGER
      else record.isSaidToBeAwaited = true
    })
  }

  /** @internal Removes what `forge` has set. */
  unforge(keyId: string): void {
    this.#with({ id: keyId }, (record) => {
      record.endRegistration(STRANGER)
      record.isSaidToBeAwaited = false
    })
  }

  /** @internal The process does not wait for the key any more. */
  endRegistration(owner: Owner, key: KeyCode): void {
    this.#with(key, (record) => record.endRegistration(owner))
  }

  /** Keys that any session holds. */
  get heldIds(): string[] {
    return [...this.#records].filter(([, { isHeld }]) => isHeld).map(([id]) => id)
  }

  /** @internal Whether processes seem to be in the queue of a key. */
  isAwaited(keyId: string): boolean {
    return this.isQueuedFor(keyId) || this.#records.get(keyId)?.isSaidToBeAwaited === true
  }

  /** Whether any session but `owner` is registered. */
  isWanted(owner: Owner, keyId: string): boolean {
    return this.#records.get(keyId)?.wantedBesides(owner) ?? false
  }

  /** @internal A session has ended: all its locks are released. */
  end(owner: Owner): void {
    for (const [id, record] of this.#records) {
      record.drop(owner, 'exclusive')
      record.drop(owner, 'shared')
      record.endRegistration(owner)
      if (record.isUnused) this.#records.delete(id)
      this.changed?.(id)
    }
  }

  /** The holders of a key, and their mode. */
  holders(keyId: string): readonly { readonly owner: Owner; readonly mode: LockMode }[] {
    const record = this.#records.get(keyId)
    if (record === undefined) return []
    const shared = [...record.shared].map((owner) => ({ owner, mode: 'shared' as const }))
    return record.exclusive === null ? shared : [{ owner: record.exclusive, mode: 'exclusive' }, ...shared]
  }

  /** @internal All locks of one session. A registration implies the intent. */
  heldBy(owner: Owner): Holding[] {
    return [...this.#records].flatMap(([id, record]) => {
      const key = { id }
      const held: Holding[] = []
      if (record.exclusive === owner) held.push({ key, what: 'exclusive' })
      if (record.shared.has(owner)) held.push({ key, what: 'shared' })
      if (record.registered.has(owner)) held.push({ key, what: 'registration' })
      else if (record.writer === owner) held.push({ key, what: 'intent' })
      return held
    })
  }

  /** Entries in use, as a real table would count them. */
  get size(): number {
    let size = 0
    for (const record of this.#records.values()) {
      size += (record.exclusive === null ? 0 : 1) + record.shared.size + record.registered.size
    }
    return size
  }

  /** @internal Makes a session hold exactly `expected`, and returns the missing ones. */
  reconcile(owner: Owner, expected: readonly Holding[]): Holding[] {
    const nameOf = ({ key, what }: Holding): string => `${what} ${key.id}`
    const allowed = new Set(expected.map(nameOf))
    const held = this.heldBy(owner)
    for (const holding of held) {
      if (allowed.has(nameOf(holding))) continue
      const record = this.#record(holding.key)
      if (holding.what === 'registration' || holding.what === 'intent') record.endRegistration(owner)
      else record.drop(owner, holding.what)
      if (record.isUnused) this.#records.delete(holding.key.id)
      this.changed?.(holding.key.id)
    }
    const present = new Set(held.map(nameOf))
    const isLock = ({ what }: Holding): boolean => what === 'exclusive' || what === 'shared'
    return expected.filter((holding) => isLock(holding) && !present.has(nameOf(holding)))
  }

  #with<T>(key: KeyCode, use: (record: KeyRecord) => T): T {
    const record = this.#record(key)
    const result = use(record)
    if (record.isUnused) this.#records.delete(key.id)
    this.changed?.(key.id)
    return result
  }

  #record(key: KeyCode): KeyRecord {
    let record = this.#records.get(key.id)
    if (record === undefined) this.#records.set(key.id, (record = new KeyRecord()))
    return record
  }

  #yield(owner: Owner, keyId: string, record: KeyRecord): Answer {
    const isWanted = record.wantedBesides(owner)
    if (!isWanted && !this.isAwaited(keyId)) return SAID.granted
    if (!record.drop(owner, 'exclusive')) return SAID.no
    if (!isWanted) return SAID.done
    return record.setInterest(owner) ? SAID.waiting : SAID.crowded
  }

  /** A session that has the lock is blocked neither by it nor by waiters. */
  #take(owner: Owner, keyId: string, mode: LockMode, record: KeyRecord): boolean {
    const hasIt = record.exclusive === owner || (mode === 'shared' && record.shared.has(owner))
    return (hasIt || !this.isBehind(keyId, mode)) && record.take(owner, mode)
  }

  /** A writer in the server's queue counts like a writer that has set its intent. */
  #givesWay(owner: Owner, keyId: string, mode: LockMode, record: KeyRecord): boolean {
    return mode === 'shared' && (record.givesWayToWriter(owner) || this.isBehind(keyId, 'shared'))
  }

  #answer(
    owner: Owner,
    kind: Exclude<LockOperation['kind'], 'yield'>,
    mode: LockMode,
    keyId: string,
    record: KeyRecord,
  ): Answer {
    const givesWay = this.#givesWay(owner, keyId, mode, record)
    switch (kind) {
      case 'enqueue':
        return record.take(owner, mode) ? SAID.granted : SAID.no
      case 'try':
        return !givesWay && this.#take(owner, keyId, mode, record) ? SAID.granted : SAID.no
      case 'wait':
      case 'queue':
      case 'poll':
      case 'retry':
        return this.#attempt(owner, kind, mode, keyId, record)
      case 'join':
        assert(mode === 'shared', 'only readers join')
        return givesWay ? SAID.no : SAID.granted
      case 'rejoin':
        return SAID.granted
      case 'upgrade':
        return this.#upgrade(owner, record)
      case 'downgrade':
        if (!record.drop(owner, 'exclusive')) return SAID.no
        record.shared.add(owner)
        return SAID.granted
      case 'leave':
        record.endRegistration(owner)
        return record.couldBeHad(mode === 'exclusive' ? 'shared' : 'exclusive')
          ? SAID.doneAndWanted
          : SAID.done
      case 'setIntent':
        record.writer ??= owner
        return SAID.done
      case 'clearIntent':
        if (record.writer === owner) record.writer = null
        return SAID.doneAndWanted
      case 'release':
      case 'releaseEarly':
        if (!record.drop(owner, mode)) return SAID.no
        return record.wantedBesides(owner) ? SAID.doneAndWanted : SAID.done
    }
  }

  #upgrade(owner: Owner, record: KeyRecord): Answer {
    if (!record.shared.has(owner) || !record.take(owner, 'exclusive')) return SAID.no
    record.drop(owner, 'shared')
    if (record.writer === owner) record.writer = null
    return SAID.granted
  }

  #attempt(
    owner: Owner,
    kind: 'wait' | 'queue' | 'poll' | 'retry',
    mode: LockMode,
    keyId: string,
    record: KeyRecord,
  ): Answer {
    const isInterested = record.setInterest(owner)
    const givesWay = kind !== 'retry' && this.#givesWay(owner, keyId, mode, record)
    if (kind !== 'queue' && !givesWay && this.#take(owner, keyId, mode, record)) {
      record.endRegistration(owner)
      return SAID.granted
    }
    if (!isInterested) return SAID.crowded
    if (mode === 'exclusive' && kind !== 'queue') record.writer ??= owner
    return kind === 'wait' || kind === 'queue' ? SAID.waiting : SAID.no
  }
}
