import { ConnectionError } from '../../base/errors.js'
import type { Holding, LockLink, TableUse } from '../dialect.js'
import type { KeyCode, LockMode } from '../lock-key.js'
import {
  SAID,
  type Answer,
  type BatchReply,
  type LockOperation,
  type OperationKind,
} from '../lock-operation.js'
import type { PermitOperation, PermitReply } from '../permit-operation.js'
import type { ServerName } from '../server-name.js'
import { RowBatches } from './row-batches.js'
import { HeldRows } from './held-rows.js'
import { KnownRows } from './known-rows.js'
import type { Member } from './member.js'
import { answerOf, CODE, codeOf, FLAG, isGrant, type RowRequest, type RowResult } from './operations.js'
import { RowPermits } from './permits.js'
import type { RowKey } from './row-key.js'
import type { Waits } from './waits.js'

/** One lock session with rows with leases. Each statement borrows a connection. */
export class RowLink implements LockLink {
  readonly serverId: number
  /**
   * The server at the beginning of the session. Rows and the session outlive a failover that is shorter than the lease.
   */
  readonly server: ServerName
  /** There is no lock table that could become full. */
  readonly capacity: number = Infinity
  readonly capacityPerSession: number = Infinity
  readonly leaseMs: number
  readonly attachDelayMs = 0
  readonly shortfall: string | null
  readonly keepsNames: boolean
  readonly keepsReports = false
  readonly noFencing: string | null
  readonly renewedBy = 'heartbeat'
  readonly #member: Member
  readonly #waits: Waits
  readonly #known: KnownRows
  readonly #held = new HeldRows()
  /** Keys of failed operations, whose outcome is unknown until `reconcile`. */
  readonly #doubtful = new Map<string, RowKey>()
  readonly #batches: RowBatches
  readonly #permits: RowPermits

  constructor(member: Member, waits: Waits, facts: RowFacts) {
    this.serverId = member.id
    this.server = facts.server
    this.leaseMs = member.leaseMs
    this.shortfall = facts.shortfall
    this.keepsNames = facts.keepsNames
    this.noFencing = facts.noFencing
    this.#member = member
    this.#known = new KnownRows(facts.floor)
    this.#waits = waits
    if (facts.secret !== null) waits.trust(String(member.id), facts.secret)
    this.#batches = new RowBatches(member, this.#known)
    this.#permits = new RowPermits(
      member,
      this.#batches,
      this.#known,
      this.#held,
      waits,
      facts.noFencing === null,
    )
  }

  /** No session waits in the server. */
  readonly longestWaitMs = 0

  enqueue(operation: LockOperation): Promise<BatchReply> {
    return this.run([operation])
  }

  async run(operations: readonly LockOperation[]): Promise<BatchReply> {
    const answers: (Answer | null)[] = operations.map(() => null)
    const tokens: (string | null)[] = operations.map(() => null)
    let open = operations.map((_, i) => i)
    try {
      for (let round = 0; open.length > 0; round++) {
        if (round === MOST_ROUNDS)
          throw new ConnectionError('the rows of these locks are removed and created again too often')
        const requests = open.map((i) => this.#requests(operations[i]!))
        // oxlint-disable-next-line no-await-in-loop -- each round is about what the one before has left
        const results = await this.#ask(requests)
        open = open.filter((i, at) => {
          const each = results[at]!
          if (each === 'again') return true
          const answer = this.#record(operations[i]!, each)
          answers[i] = answer
          if (each !== null && isGrant(answer) && this.noFencing === null) tokens[i] = each.token
          return false
        })
      }
    } catch (error) {
      for (const operation of operations) {
        const key = operation.key as RowKey
        this.#doubtful.set(key.id, key)
        const held = this.#held.get(key)
        if (held !== null) held.isParting = false
      }
      throw error
    }
    return { answers: answers.join(''), token: null, tokens, delaysMs: null }
  }

  /** The statement for an operation, or its result if that is known without a statement. */
  #requests(operation: LockOperation): RowRequest | Known {
    const key = operation.key as RowKey
    const { kind, mode } = operation
    const held = this.#held.get(key)
    if (kind === 'retry' || kind === 'poll') {
      const known = this.#knownOf(operation)
      if (known !== null) return known
    }
    const gives = RELEASES.has(kind)
    if (gives) {
      if (held === null || held.mode !== mode) return UNCHANGED
      held.isParting = true
    }
    const code = codeOf(operation, held !== null || this.#known.has(key))
    const pass = code === CODE.waitExclusive ? (this.#waits.of(key.id)?.passToken ?? null) : null
    return {
      operation: operation as RowRequest['operation'],
      code: pass === null ? code : CODE.passExclusive,
      token: pass ?? (gives ? held!.token : 0n),
    }
  }

  /**
   * The result of an attempt without a statement. A waiter learns from the watch when its turn has come or that it has
   * the lock, so another attempt would be a useless write.
   */
  #knownOf({ key, mode }: LockOperation): Known | null {
    const wait = this.#waits.of(key.id)
    if (wait === undefined || wait.mode !== mode || wait.memberId !== String(this.serverId)) return null
    if (wait.given !== null) return { known: { flags: FLAG.owns, token: wait.given } }
    if (this.#waits.isWatched && !wait.isWoken) return UNCHANGED
    wait.isWoken = false
    return null
  }

  async #ask(requests: readonly (RowRequest | Known)[]): Promise<(RowResult | null | 'again')[]> {
    const wanted = requests.filter((each) => 'code' in each)
    const { floor } = this.#known
    const results = wanted.length === 0 ? [] : await this.#batches.ask(wanted)
    const isOther = floor !== this.#known.floor
    let at = 0
    return requests.map((each) => {
      if ('known' in each) return each.known
      const answer = results[at++]!
      if (answer !== null) return answer
      // A row that should be new exists already, or a known row was removed.
      return each.code > CODE.look || isOther ? 'again' : null
    })
  }

  #record(operation: LockOperation, results: RowResult | null): Answer {
    const { kind, mode } = operation
    const key = operation.key as RowKey
    const answer = answerOf(operation, results)
    if (answer === SAID.granted) {
      this.#held.set(key, mode, BigInt(results!.token))
      this.#waits.remove(key)
    } else if (RELEASES.has(kind)) this.#held.delete(key)
    if (kind === 'leave' || kind === 'release') this.#waits.remove(key)
    if (isStillWaiting(operation, answer)) this.#wait(key, mode, results)
    return answer
  }

  #wait(key: RowKey, mode: LockMode, results: RowResult | null): void {
    const since = results === null ? null : BigInt(results.token)
    const before = results?.others ?? null
    this.#waits.add({ key, mode, memberId: String(this.serverId), isSemaphore: false, since, before })
  }

  permits(operation: PermitOperation): Promise<PermitReply> {
    return this.#permits.carryOut(operation).catch((error: unknown) => {
      for (const key of this.#permits.keysOf(operation)) this.#doubtful.set(key.id, key)
      throw error
    })
  }

  /**
   * A release has already notified the next waiter. For locks that are still held, this checks whether another process
   * waits.
   */
  async notify(keys: readonly KeyCode[]): Promise<ReadonlySet<string>> {
    const held = (keys as readonly RowKey[]).filter((key) => this.#held.get(key)?.isParting === false)
    const wanted = new Set(keys.map(({ id }) => id))
    if (held.length === 0) return wanted
    const bits = held.map((key) => key.bits)
    const found = new Set(await this.#member.store.wantedByOthers(bits, this.serverId))
    for (const { id, bits: each } of held) if (!found.has(each)) wanted.delete(id)
    return wanted
  }

  /** No process waits in the server. */
  async isQueuedFor(_key: KeyCode): Promise<boolean> {
    return false
  }

  async isWanted(key: KeyCode): Promise<boolean> {
    return (await this.notify([key])).has(key.id)
  }

  /** The row itself has the waiters in order. */
  sendTicket(): Promise<void> {
    return Promise.resolve()
  }

  broadcast(): Promise<void> {
    return Promise.resolve()
  }

  announce(): Promise<void> {
    return Promise.resolve()
  }

  tableUse(): Promise<TableUse> {
    const nothing = { pools: 0, announced: 0, foreignPools: 0, foreignAnnounced: 0, foreignHeld: 0 }
    return Promise.resolve({ ...nothing, unannounced: 0, costMs: 0 })
  }

  delayEnded(): Promise<void> {
    return Promise.resolve()
  }

  attachDelayEnded(): Promise<void> {
    return Promise.resolve()
  }

  goesWithoutTokens(): boolean {
    return false
  }

  findTokens(): Promise<void> {
    return Promise.resolve()
  }

  async holderOf(key: KeyCode): Promise<string | null> {
    const holders = await this.#member.store.holders((key as RowKey).bits, this.serverId)
    const words = holders.map(({ id, name }) => `${name}, lock session ${id}`)
    return words.length === 0 ? null : words.join('; ')
  }

  heartbeat(): Promise<void> {
    return this.#member.beat()
  }

  async reconcile(expected: readonly Holding[]): Promise<readonly Holding[]> {
    await this.#member.raiseEpoch()
    const keys = new Map(this.#doubtful)
    for (const { key } of this.#held.all()) keys.set(key.id, key)
    for (const wait of this.#waits.all)
      if (wait.memberId === String(this.serverId)) keys.set(wait.key.id, wait.key)
    // An intent alone does not keep a row: a lock in doubt would stay with it.
    for (const { key, what } of expected) if (what !== 'intent') keys.delete(key.id)
    await this.#all([...keys.values()], CODE.drop)
    for (const key of keys.values()) {
      this.#held.delete(key)
      this.#waits.remove(key)
    }
    const stays = expected.filter(({ what }) => what === 'exclusive' || what === 'shared')
    const results = await this.#all(
      stays.map(({ key }) => key as RowKey),
      CODE.look,
    )
    this.#doubtful.clear()
    return stays.filter((holding, i) => !this.#isThere(holding, results[i]!))
  }

  #isThere({ key, what }: Holding, results: RowResult | null): boolean {
    const flag = what === 'exclusive' ? FLAG.owns : FLAG.reads
    const isHeld = results !== null && (results.flags & flag) !== 0
    if (isHeld && what !== 'registration' && what !== 'intent')
      this.#held.set(key as RowKey, what, BigInt(results.token))
    if (!isHeld) this.#held.delete(key as RowKey)
    return isHeld
  }

  async #all(keys: readonly RowKey[], code: number): Promise<(RowResult | null)[]> {
    const results: (RowResult | null)[] = []
    for (let from = 0; from < keys.length; from += MOST_AT_ONCE) {
      const part = keys.slice(from, from + MOST_AT_ONCE)
      const requests = part.map((key): RowRequest => ({
        operation: { kind: 'release', mode: 'exclusive', key },
        code,
        token: 0n,
      }))
      // oxlint-disable-next-line no-await-in-loop -- one after the other, to keep each short
      results.push(...(await this.#batches.ask(requests)))
    }
    return results
  }

  async detach(): Promise<void> {
    const waits = [...this.#waits.all].filter(({ memberId }) => memberId === String(this.serverId))
    const keys = waits.map(({ key }) => key)
    this.#waits.removeMember(String(this.serverId))
    try {
      // Without this, a release could give the lock to a waiter that has gone.
      await this.#all(keys, CODE.drop)
      await this.#member.leave()
    } catch (error) {
      await this.#waits.unreported.abandon(this.#member)
      throw error
    }
  }

  async abandon(): Promise<void> {
    this.#waits.removeMember(String(this.serverId))
    await this.#waits.unreported.abandon(this.#member)
  }
}

/** What a member finds when it joins. */
export interface RowFacts {
  readonly server: ServerName
  /** See `KnownRows`. */
  readonly floor: string
  /** The secret in the member's row. Null if this database never gives a lock by notification. */
  readonly secret: string | null
  readonly keepsNames: boolean
  readonly shortfall: string | null
  readonly noFencing: string | null
}

/** A result that is known without a statement. Null means that the row was not changed. */
interface Known {
  readonly known: RowResult | null
}

const UNCHANGED: Known = { known: null }

/** A key is tried as new, then as known, and again if rows were removed in the meantime. */
const MOST_ROUNDS = 20

const MOST_AT_ONCE = 1000

const RELEASES: ReadonlySet<OperationKind> = new Set(['release', 'releaseEarly', 'yield'])

function isStillWaiting({ kind }: LockOperation, answer: Answer): boolean {
  return answer === SAID.waiting || ((kind === 'retry' || kind === 'poll') && answer === SAID.no)
}
