/**
 * - `word`    a name without quotes, in lower case as PostgreSQL folds it
 * - `name`    a name in double quotes, escapes resolved
 * - `string`  any string constant, escapes resolved; neighbors on several lines are one constant
 * - `bits`    `B'101'` or `X'1F'`
 * - `number`  as it is written
 * - `param`   `$1`; its value is the digits
 * - `op`      operators and punctuation
 * - `junk`    a character that PostgreSQL would refuse
 */
export type TokenType = 'word' | 'name' | 'string' | 'bits' | 'number' | 'param' | 'op' | 'junk'

export interface Token {
  readonly type: TokenType
  /** Index of the first character, and of the first one after it. */
  readonly start: number
  readonly end: number
  readonly value: string
  /**
   * Other servers may read it differently: a number or parameter directly before a name (an error since PostgreSQL 15, two
   * tokens before), or a string with bytes that depend on the server's encoding.
   */
  readonly isUnsure: boolean
}

export interface Scan {
  readonly tokens: readonly Token[]
  readonly problem: { readonly message: string; readonly at: number } | null
}

/** Ends a scan; `scan` catches it. */
export class ScanError extends Error {
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}
