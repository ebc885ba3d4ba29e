import type { KeyCode, LockMode } from '../dialect/lock-key.js'
import { isGranted, type LockOperation } from '../dialect/lock-operation.js'
import type { Owner } from './fake-lock-table.js'

/** One key: the lease of the writer with a hold record, and of each reader. */
interface KeyRecords {
  writer: { readonly owner: Owner; readonly leaseMs: number } | null
  readonly readers: Map<Owner, number>
}

/** The durable hold records of strict sessions: they survive sessions and restarts. */
export class FakeHoldRecords {
  readonly #byKey = new Map<string, KeyRecords>()

  /** Keys with a record. */
  get size(): number {
    return this.#byKey.size
  }

  /** Before a batch: removes the records of operations that end a lock cleanly. */
  drop(owner: Owner, operations: readonly LockOperation[]): void {
    for (const { key, mode } of operations) this.#drop(owner, key.id, mode)
  }

  /** After a batch: records the grants, and returns the lock-delays; null if there are none. */
  record(
    owner: Owner,
    leaseMs: number,
    operations: readonly LockOperation[],
    answers: string,
  ): readonly number[] | null {
    const delaysMs = operations.map((operation, i) => {
      if (!isGranted(answers[i]) || operation.kind === 'join') return 0
      const delayMs = this.#recordOne(owner, leaseMs, operation)
      return operation.kind === 'yield' ? 0 : delayMs
    })
    return delaysMs.some((delayMs) => delayMs > 0) ? delaysMs : null
  }

  /** A reader has waited for the writer whose record was left over. */
  waitedForWriter(key: KeyCode, mode: LockMode): void {
    const records = this.#byKey.get(key.id)
    if (records === undefined || mode === 'exclusive') return
    records.writer = null
    this.#tidy(key.id, records)
  }

  #recordOne(owner: Owner, leaseMs: number, { key, mode }: LockOperation): number {
    const records = this.#byKey.get(key.id) ?? { writer: null, readers: new Map<Owner, number>() }
    this.#byKey.set(key.id, records)
    const leftByWriter = records.writer?.leaseMs ?? 0
    if (mode === 'shared') {
      records.readers.set(owner, leaseMs)
      return leftByWriter
    }
    const delayMs = Math.max(leftByWriter, ...records.readers.values())
    records.readers.clear()
    records.writer = { owner, leaseMs: Math.max(leaseMs, delayMs) }
    return delayMs
  }

  #drop(owner: Owner, keyId: string, mode: LockMode): void {
    const records = this.#byKey.get(keyId)
    if (records === undefined) return
    if (mode === 'shared') records.readers.delete(owner)
    else if (records.writer?.owner === owner) records.writer = null
    this.#tidy(keyId, records)
  }

  #tidy(keyId: string, records: KeyRecords): void {
    if (records.writer === null && records.readers.size === 0) this.#byKey.delete(keyId)
  }
}
