import { isName, isOp } from './lock-functions.js'
import type { Token } from './token.js'

/** Walks over the tokens of one statement. A method that does not find its token reads nothing. */
export class Reader {
  readonly text: string
  readonly tokens: readonly Token[]
  at: number
  readonly end: number

  constructor(text: string, tokens: readonly Token[], at = 0, end: number = tokens.length) {
    this.text = text
    this.tokens = tokens
    this.at = at
    this.end = end
  }

  get isDone(): boolean {
    return this.at >= this.end
  }

  peek(ahead = 0): Token | undefined {
    const index = this.at + ahead
    return index < this.end ? this.tokens[index] : undefined
  }

  isWord(value: string, ahead = 0): boolean {
    const token = this.peek(ahead)
    return token?.type === 'word' && token.value === value
  }

  isOp(value: string, ahead = 0): boolean {
    return isOp(this.peek(ahead), value)
  }

  word(...values: readonly string[]): string | null {
    const token = this.peek()
    if (token?.type !== 'word' || !values.includes(token.value)) return null
    this.at++
    return token.value
  }

  /** Reads several words in a row; it reads none if one is missing. */
  words(...values: readonly string[]): boolean {
    const fits = values.every((value, i) => this.isWord(value, i))
    if (fits) this.at += values.length
    return fits
  }

  op(value: string): boolean {
    const fits = this.isOp(value)
    if (fits) this.at++
    return fits
  }

  /** Reads any name, quoted or not, keywords included. */
  name(): string | null {
    const token = this.peek()
    if (token === undefined || !isName(token)) return null
    this.at++
    return token.value
  }

  string(): string | null {
    const token = this.peek()
    if (token?.type !== 'string') return null
    this.at++
    return token.value
  }

  /** The source between two tokens, without the second one. */
  source(from: number, to: number): string {
    return this.text.slice(this.tokens[from]!.start, this.tokens[to - 1]!.end)
  }
}
