import type { KeyCode } from '../lock-key.js'
import type { SemaphoreCode } from '../permit-operation.js'

/** A key in the form in which its row is found: 64 bits. */
export interface RowKey extends KeyCode {
  readonly hash: number
  /** The key as a signed bigint in decimal digits. */
  readonly bits: string
  /** The key in two halves. */
  readonly high: number
  readonly low: number
}

/** A semaphore whose slots are rows. `key` is the row that has its waiters. */
export interface RowSemaphore extends SemaphoreCode {
  readonly key: RowKey
  readonly shape: RowKey
  readonly slot: (number: number) => RowKey
}

/** The number just before the row of the first shape of a semaphore. Shapes are numbered by their permits. */
export function shapesOf({ shape, permits }: RowSemaphore): string {
  return String(BigInt(shape.bits) - BigInt(permits))
}
