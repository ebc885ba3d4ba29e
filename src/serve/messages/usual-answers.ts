import { commandComplete, dataRow, rowDescription, type Column } from './backend.js'
import type { Value } from './values.js'

/** The most descriptions that are kept. Programs that use a new alias in each call would fill the memory. */
const MOST_KEPT = 100

const described = new Map<string, Buffer>()
const completed = new Map<string, Buffer>()

const TRUE = dataRow([Buffer.from('t')])
const FALSE = dataRow([Buffer.from('f')])
const VOID = dataRow([Buffer.alloc(0)])

/** The description of a row as text. A description with one column is cached, because nearly all lock statements have one. */
export function describeAsText(columns: readonly Column[]): Buffer {
  const [only] = columns
  if (only === undefined || columns.length > 1) return rowDescription(columns, asText)
  return keep(described, `${only.type} ${only.name}`, () => rowDescription(columns, asText))
}

/** The row with one value as text, if it is a usual result of lock functions; else null. */
export function usualRow(value: Value): Buffer | null {
  if (value === true) return TRUE
  if (value === false) return FALSE
  return value === '' ? VOID : null
}

export function completion(tag: string): Buffer {
  return keep(completed, tag, () => commandComplete(tag))
}

function asText(): number {
  return 0
}

function keep(kept: Map<string, Buffer>, key: string, make: () => Buffer): Buffer {
  const known = kept.get(key)
  if (known !== undefined) return known
  const made = make()
  if (kept.size < MOST_KEPT) kept.set(key, made)
  return made
}
