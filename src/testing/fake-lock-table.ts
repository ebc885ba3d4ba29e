import { assert } from '../base/assert.js'
import type { Holding } from '../dialect/dialect.js'
import type { KeyCode, LockMode } from '../dialect/lock-key.js'
import { SAID, type Answer, type LockOperation } from '../dialect/lock-operation.js'

/** Who holds something: in a real server, a server process. */
export type Owner = number

/** No session has this number. */
const STRANGER: Owner = -1

/** One key, as a server knows it. Like PostgreSQL's, a session's own locks never stand in its way. */
class KeyRecord {
  exclusive: Owner | null = null
  readonly shared: Set<Owner> = new Set()
  readonly interested: Set<Owner> = new Set()
  /** The session that has marked that a writer waits; the first to try has it. */
  writer: Owner | null = null
  /** A stranger has what interest in it is kept under: nobody can set any, and to all it looks as if somebody had. */
  isCrowded = false

  get isUnused(): boolean {
    const isHeld = this.isHeld || this.interested.size > 0 || this.writer !== null
    return !isHeld && !this.isCrowded
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

  /** By a session that has nothing of it. */
  couldBeHad(mode: LockMode): boolean {
    return this.exclusive === null && (mode === 'shared' || this.shared.size === 0)
  }

  wantedBesides(owner: Owner): boolean {
    return this.isCrowded || [...this.interested].some((other) => other !== owner)
  }

  givesWayToWriter(owner: Owner): boolean {
    return this.writer !== null && this.writer !== owner
  }

  /** False if somebody is in the way. */
  setInterest(owner: Owner): boolean {
    if (!this.isCrowded) this.interested.add(owner)
    return this.interested.has(owner)
  }

  endInterest(owner: Owner): void {
    this.interested.delete(owner)
    if (this.writer === owner) this.writer = null
  }
}

/** The lock table of a server, in memory: what the operations mean, with nothing of how they get there. */
export class FakeLockTable {
  readonly #records = new Map<string, KeyRecord>()
  /** @internal Told of every key about which something may have changed. */
  changed: ((keyId: string) => void) | null = null
  /** @internal Whether processes stand in line for a key. */
  isAwaited: (keyId: string) => boolean = () => false
  /** @internal Whether others who wait for it in line go first. */
  isBehind: (keyId: string, mode: LockMode) => boolean = () => false

  /** @internal Carries out one operation, at once. */
  apply(owner: Owner, { kind, mode, key }: LockOperation): Answer {
    return this.#with(key, (record) =>
      kind === 'yield' ? this.#yield(owner, key.id, record) : this.#answer(owner, kind, mode, key.id, record),
    )
  }

  /** @internal Takes a key for one whose turn it is. */
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

  /** @internal A stranger takes what interest in the key is kept under, for itself, or lets it go. */
  crowd(keyId: string, isCrowded: boolean): void {
    this.#with({ id: keyId }, (record) => (record.isCrowded = isCrowded))
  }

  /** @internal A session that is none of a pool's sets a mark of ours, and never comes. */
  forge(keyId: string, what: 'interest' | 'writer'): void {
    this.#with({ id: keyId }, (record) => {
      if (what === 'interest') record.interested.add(STRANGER)
      else record.writer = STRANGER
    })
  }

  /** @internal Takes that back. */
  unforge(keyId: string): void {
    this.#with({ id: keyId }, (record) => record.endInterest(STRANGER))
  }

  /** @internal It does no more. */
  endInterest(owner: Owner, key: KeyCode): void {
    this.#with(key, (record) => record.endInterest(owner))
  }

  /** Keys that any session holds. */
  get heldIds(): string[] {
    return [...this.#records].filter(([, { isHeld }]) => isHeld).map(([id]) => id)
  }

  /** Whether any session but `owner` is interested. */
  isWanted(owner: Owner, keyId: string): boolean {
    return this.#records.get(keyId)?.wantedBesides(owner) ?? false
  }

  /** @internal A session has ended: nothing of it is left. */
  end(owner: Owner): void {
    for (const [id, record] of this.#records) {
      record.drop(owner, 'exclusive')
      record.drop(owner, 'shared')
      record.endInterest(owner)
      if (record.isUnused) this.#records.delete(id)
      this.changed?.(id)
    }
  }

  /** Who has a key, and how. */
  holders(keyId: string): readonly { readonly owner: Owner; readonly mode: LockMode }[] {
    const record = this.#records.get(keyId)
    if (record === undefined) return []
    const shared = [...record.shared].map((owner) => ({ owner, mode: 'shared' as const }))
    return record.exclusive === null ? shared : [{ owner: record.exclusive, mode: 'exclusive' }, ...shared]
  }

  /** @internal Everything one session has. With interest the mark goes without saying. */
  heldBy(owner: Owner): Holding[] {
    return [...this.#records].flatMap(([id, record]) => {
      const key = { id }
      const held: Holding[] = []
      if (record.exclusive === owner) held.push({ key, what: 'exclusive' })
      if (record.shared.has(owner)) held.push({ key, what: 'shared' })
      if (record.interested.has(owner)) held.push({ key, what: 'interest' })
      else if (record.writer === owner) held.push({ key, what: 'mark' })
      return held
    })
  }

  /** Entries in use, as a real table would count them. */
  get size(): number {
    let size = 0
    for (const record of this.#records.values()) {
      size += (record.exclusive === null ? 0 : 1) + record.shared.size + record.interested.size
    }
    return size
  }

  /** @internal Makes a session hold exactly `expected`, and answers what of it was missing. */
  reconcile(owner: Owner, expected: readonly Holding[]): Holding[] {
    const nameOf = ({ key, what }: Holding): string => `${what} ${key.id}`
    const allowed = new Set(expected.map(nameOf))
    const held = this.heldBy(owner)
    for (const holding of held) {
      if (allowed.has(nameOf(holding))) continue
      const record = this.#record(holding.key)
      if (holding.what === 'interest' || holding.what === 'mark') record.endInterest(owner)
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

  /** Its own lock stands in no session's way, and then nor do others who wait. */
  #take(owner: Owner, keyId: string, mode: LockMode, record: KeyRecord): boolean {
    const hasIt = record.exclusive === owner || (mode === 'shared' && record.shared.has(owner))
    return (hasIt || !this.isBehind(keyId, mode)) && record.take(owner, mode)
  }

  /** A writer who stands in line is marked as such. */
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
      case 'lineUp':
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
      case 'leave':
        record.endInterest(owner)
        return record.couldBeHad(mode === 'exclusive' ? 'shared' : 'exclusive')
          ? SAID.doneAndWanted
          : SAID.done
      case 'mark':
        record.writer ??= owner
        return SAID.done
      case 'unmark':
        if (record.writer === owner) record.writer = null
        return SAID.doneAndWanted
      case 'release':
      case 'relinquish':
        if (!record.drop(owner, mode)) return SAID.no
        return record.wantedBesides(owner) ? SAID.doneAndWanted : SAID.done
    }
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
      record.endInterest(owner)
      return SAID.granted
    }
    if (!isInterested) return SAID.crowded
    if (mode === 'exclusive' && kind !== 'queue') record.writer ??= owner
    return kind === 'wait' || kind === 'queue' ? SAID.waiting : SAID.no
  }
}
