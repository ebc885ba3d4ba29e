import type { KeyCode } from '../lock-key.js'
import type { SemaphoreCode } from '../permit-operation.js'

/** A key as the row of it is found: by 64 bits. */
export interface RowKey extends KeyCode {
  readonly hash: number
  /** The same as a bigint in decimal digits, with sign. */
  readonly bits: string
  /** The same in two halves. */
  readonly high: number
  readonly low: number
}

/** A semaphore whose slots are rows: `key` is the row in which its waiters stand. */
export interface RowSemaphore extends SemaphoreCode {
  readonly key: RowKey
  readonly shape: RowKey
  readonly slot: (number: number) => RowKey
}

/** Before the row of the first shape of a semaphore: they are numbered on by their permits. */
export function shapesOf({ shape, permits }: RowSemaphore): string {
  return String(BigInt(shape.bits) - BigInt(permits))
}
