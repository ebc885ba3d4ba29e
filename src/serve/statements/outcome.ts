import type { Column, Report } from '../messages/backend.js'
import { TAG } from './command-tags-sql.js'
import { SIZE_OF_TYPE, type Value } from '../messages/values.js'

/** The result of a statement. */
export interface Outcome {
  /** The text of CommandComplete. */
  readonly tag: string
  /** Null for a statement without rows. */
  readonly row: readonly Value[] | null
  readonly notices: readonly Report[]
}

export function done(tag: string, ...notices: readonly Report[]): Outcome {
  return { tag, row: null, notices }
}

export function oneRow(
  row: readonly Value[],
  tag: string = TAG.selectOne,
  notices: readonly Report[] = [],
): Outcome {
  return { tag, row, notices }
}

export function column(name: string, type: number): Column {
  return { name, type, size: SIZE_OF_TYPE[type] ?? -1 }
}

export function warning(code: string, message: string): Report {
  return { severity: 'WARNING', code, message }
}
