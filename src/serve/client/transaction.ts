import { assertMove } from '../../base/assert.js'
import type { LockOwner } from '../locks/lock-owner.js'
import type { TransactionStatus } from '../messages/backend.js'
import { SqlError } from '../messages/sql-error.js'
import type { Settings, SettingsMark } from './client-settings.js'

/**
 * - `none`      between two groups of statements
 * - `implicit`  in a group without BEGIN, which ends with the query string or with Sync
 * - `open`      after BEGIN
 * - `failed`    after an error in a block, until ROLLBACK
 */
type State = 'none' | 'implicit' | 'open' | 'failed'

const MOVES: Readonly<Record<State, readonly State[]>> = {
  none: ['implicit', 'open'],
  implicit: ['none', 'open'],
  open: ['none', 'failed'],
  failed: ['none', 'open'],
}

const STATUS: Readonly<Record<State, TransactionStatus>> = {
  none: 'I',
  implicit: 'I',
  open: 'T',
  failed: 'E',
}

interface Savepoint {
  readonly name: string
  readonly locks: number
  readonly settings: SettingsMark
}

/** The transaction of one client, for locks and settings: what it has taken and set, and what a rollback restores. */
export class Transaction {
  readonly #locks: LockOwner
  readonly #settings: Settings
  #state: State = 'none'
  #before: SettingsMark | null = null
  #savepoints: Savepoint[] = []
  #begunWith: string | null = null
  #isSeveral = false

  constructor(locks: LockOwner, settings: Settings) {
    this.#locks = locks
    this.#settings = settings
  }

  get status(): TransactionStatus {
    return STATUS[this.#state]
  }

  /** In a block after BEGIN, whether it has failed or not. */
  get isBlock(): boolean {
    return this.#state === 'open' || this.#state === 'failed'
  }

  /** The text of BEGIN; null without BEGIN. */
  get begunWith(): string | null {
    return this.#begunWith
  }

  /** In a block, or in a query string of several statements: SET LOCAL applies to the statements that follow. */
  get holdsLocal(): boolean {
    return this.isBlock || this.#isSeveral
  }

  get hasFailed(): boolean {
    return this.#state === 'failed'
  }

  /** Begins the first statement of a group. */
  enter(): void {
    if (this.#state !== 'none') return
    this.#begin('implicit')
  }

  /** Begins a query string of several statements. */
  enterSeveral(): void {
    this.enter()
    this.#isSeveral = true
  }

  /** A statement of a pipeline has run, and its group continues. If it ended the transaction, the next one begins another. */
  goesOn(): void {
    if (!this.isBlock) this.#isSeveral = this.#state === 'implicit'
  }

  /** Runs BEGIN. Earlier statements of the same group belong to the block. */
  open(text: string): void {
    this.#begunWith = text
    if (this.#state === 'none') this.#begin('open')
    else this.#move('open')
  }

  /** Ends a group: commits statements without BEGIN. */
  leave(): Promise<void> | null {
    this.#isSeveral = false
    return this.#state === 'implicit' ? this.#end(true) : null
  }

  async commit(): Promise<void> {
    await this.#end(true)
  }

  async rollBack(): Promise<void> {
    await this.#end(false)
  }

  /** A statement has failed: locks that the transaction has taken since the last savepoint are released at once. */
  async fail(): Promise<void> {
    this.#isSeveral = false
    if (this.#state === 'implicit') return void (await this.#end(false))
    if (this.#state !== 'open') return
    this.#move('failed')
    await this.#goBackTo(this.#savepoints.at(-1) ?? null)
  }

  savepoint(name: string): void {
    this.#savepoints.push({ name, locks: this.#locks.mark, settings: this.#settings.mark })
  }

  /** @throws {SqlError} 3B001 */
  release(name: string): void {
    this.#savepoints.length = this.#find(name)
  }

  /** @throws {SqlError} 3B001 */
  async rollBackTo(name: string): Promise<void> {
    const at = this.#find(name)
    this.#savepoints.length = at + 1
    if (this.#state === 'failed') this.#move('open')
    await this.#goBackTo(this.#savepoints[at]!)
  }

  get savepoints(): readonly string[] {
    return this.#savepoints.map(({ name }) => name)
  }

  #find(name: string): number {
    const at = this.#savepoints.findLastIndex((each) => each.name === name)
    if (at < 0) throw new SqlError('3B001', `savepoint "${name}" does not exist`)
    return at
  }

  #begin(state: 'implicit' | 'open'): void {
    this.#move(state)
    this.#before = this.#settings.mark
  }

  /** Null if there is nothing to wait for. */
  #end(isCommit: boolean): Promise<void> | null {
    if (this.#state === 'none') return null
    if (!isCommit) this.#settings.goBackTo(this.#before!)
    this.#settings.keep()
    this.#savepoints = []
    this.#before = null
    this.#begunWith = null
    this.#move('none')
    return this.#locks.mark === 0 ? null : this.#locks.rollBackTo(0)
  }

  async #goBackTo(savepoint: Savepoint | null): Promise<void> {
    this.#settings.goBackTo(savepoint?.settings ?? this.#before!)
    await this.#locks.rollBackTo(savepoint?.locks ?? 0)
  }

  #move(to: State): void {
    if (this.#state === to) return
    assertMove(MOVES, this.#state, to, 'transaction')
    this.#state = to
  }
}
