/**
 * A cache of recognized query strings. Programs send the same few texts many times, or texts that differ only in the numbers
 * of a key.
 */
import { recognize, type RecognizeOptions } from './recognize.js'
import type { Argument, LockCall, Recognition, SelectStatement } from './statement.js'

/** Up to twice as many texts are kept. Programs that use a new alias in each call would fill the memory. */
const MOST_KEPT = 500

/** Longer texts come from programs that do not use them for locks. */
const LONGEST_KEPT = 500

/**
 * Words, a key of one or two numbers in parentheses, and words. Without quotes, comments and parameters there is only one way
 * to read it, and a number of nine digits is always an int4.
 */
const NUMBERED = /^([a-z_. ]{1,80}\()(-?\d{1,9})(?:(, ?)(-?\d{1,9}))?(\)[a-z_. ]{0,80};?)$/i

/** A statement with some numbers, and the number of characters after it, such as a semicolon. */
interface Template {
  readonly statement: SelectStatement
  readonly behind: number
}

/** The older half is dropped when the younger one is full. */
export class KnownTexts {
  #young = new Map<string, Recognition>()
  #old = new Map<string, Recognition>()
  /** By the text without its numbers. Null if the text is not a single lock call. */
  readonly #numbered = new Map<string, Template | null>()

  /** Does the same as `recognize`. Callers may share the result, and none of them changes it. */
  recognize(text: string, options: RecognizeOptions): Recognition {
    const parts = NUMBERED.exec(text)
    if (parts !== null) return this.#recognizeNumbered(text, parts, options)
    // A setting of the session decides what a backslash means.
    if (text.length > LONGEST_KEPT || text.includes('\\')) return recognize(text, options)
    return this.#young.get(text) ?? this.#again(text, options)
  }

  #again(text: string, options: RecognizeOptions): Recognition {
    const recognition = this.#old.get(text) ?? recognize(text, options)
    if (this.#young.size >= MOST_KEPT) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(text, recognition)
    return recognition
  }

  #recognizeNumbered(text: string, parts: RegExpExecArray, options: RecognizeOptions): Recognition {
    const [, head, first, separator = '', second, tail] = parts
    const shape = `${head}${separator}${tail}`
    const known = this.#numbered.get(shape)
    if (known === null) return recognize(text, options)
    const numbers = second === undefined ? [BigInt(first!)] : [BigInt(first!), BigInt(second)]
    if (known !== undefined) return { statements: [withNumbers(known, text, numbers)], problem: null }
    const recognition = recognize(text, options)
    if (this.#numbered.size < MOST_KEPT) this.#numbered.set(shape, templateOf(recognition, text, numbers))
    return recognition
  }
}

/** The statement, if it calls a lock function with exactly these numbers; else null. */
function templateOf({ statements }: Recognition, text: string, numbers: readonly bigint[]): Template | null {
  const [statement] = statements
  if (statement?.kind !== 'select' || statements.length > 1 || statement.columns.length !== 1) return null
  const { value } = statement.columns[0]!
  if (value.is !== 'lock' || value.evaluation !== null || value.key.length !== numbers.length) return null
  const isAsWritten = value.key.every((part, at) => part.is === 'constant' && part.value === numbers[at])
  return isAsWritten ? { statement, behind: text.length - statement.start - statement.text.length } : null
}

function withNumbers(
  { statement, behind }: Template,
  text: string,
  numbers: readonly bigint[],
): SelectStatement {
  const [column] = statement.columns
  const call = column!.value as LockCall
  const key = call.key.map((part, at) => constant(part, numbers[at]!)) as unknown as LockCall['key']
  const own = text.slice(statement.start, text.length - behind)
  return { ...statement, text: own, columns: [{ ...column!, value: { ...call, key } }] }
}

function constant({ type }: Argument, value: bigint): Argument {
  return { is: 'constant', type, value }
}
