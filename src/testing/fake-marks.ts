import type { KeyCode, LockMode } from '../dialect/lock-key.js'
import { isGranted, type LockOperation } from '../dialect/lock-operation.js'
import type { Owner } from './fake-lock-table.js'

/** One key: the lease of the writer with a hold record, and of each reader. */
interface Marks {
  writer: { readonly owner: Owner; readonly leaseMs: number } | null
  readonly readers: Map<Owner, number>
}

/** The durable hold records of strict sessions: they survive sessions and restarts. */
export class FakeMarks {
  readonly #byKey = new Map<string, Marks>()

  /** Keys with a record. */
  get size(): number {
    return this.#byKey.size
  }

  /** Before a batch: removes the records of operations that end a lock cleanly. */
  unmark(owner: Owner, operations: readonly LockOperation[]): void {
    for (const { key, mode } of operations) this.#drop(owner, key.id, mode)
  }

  /** After a batch: records the grants, and returns the lock-delays; null if there are none. */
  mark(
    owner: Owner,
    leaseMs: number,
    operations: readonly LockOperation[],
    answers: string,
  ): readonly number[] | null {
    const delaysMs = operations.map((operation, i) => {
      if (!isGranted(answers[i]) || operation.kind === 'join') return 0
      const delayMs = this.#markOne(owner, leaseMs, operation)
      return operation.kind === 'yield' ? 0 : delayMs
    })
    return delaysMs.some((delayMs) => delayMs > 0) ? delaysMs : null
  }

  /** A reader has waited for the writer whose record was left over. */
  settled(key: KeyCode, mode: LockMode): void {
    const marks = this.#byKey.get(key.id)
    if (marks === undefined || mode === 'exclusive') return
    marks.writer = null
    this.#tidy(key.id, marks)
  }

  #markOne(owner: Owner, leaseMs: number, { key, mode }: LockOperation): number {
    const marks = this.#byKey.get(key.id) ?? { writer: null, readers: new Map<Owner, number>() }
    this.#byKey.set(key.id, marks)
    const leftByWriter = marks.writer?.leaseMs ?? 0
    if (mode === 'shared') {
      marks.readers.set(owner, leaseMs)
      return leftByWriter
    }
    const delayMs = Math.max(leftByWriter, ...marks.readers.values())
    marks.readers.clear()
    marks.writer = { owner, leaseMs: Math.max(leaseMs, delayMs) }
    return delayMs
  }

  #drop(owner: Owner, keyId: string, mode: LockMode): void {
    const marks = this.#byKey.get(keyId)
    if (marks === undefined) return
    if (mode === 'shared') marks.readers.delete(owner)
    else if (marks.writer?.owner === owner) marks.writer = null
    this.#tidy(keyId, marks)
  }

  #tidy(keyId: string, marks: Marks): void {
    if (marks.writer === null && marks.readers.size === 0) this.#byKey.delete(keyId)
  }
}
