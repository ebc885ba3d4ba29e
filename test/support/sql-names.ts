/**
 * Finds the names in lockpool's SQL that a server looks up by its search path: functions, operators (also those that
 * IN, CASE or USING imply), types and relations. It knows only the grammar that these statements use.
 */
import { tokensOf, type Token } from './sql-tokens.js'

export type NameKind = 'function' | 'operator' | 'type' | 'relation'

export interface SqlName {
  readonly kind: NameKind
  readonly name: string
  /** Null if the server looks the name up by the search path. */
  readonly schema: string | null
}

/** Grammar words that may stand before a parenthesis. The function that `extract` calls is always the server's own. */
const NO_FUNCTIONS = new Set(
  `all and any array as by case cast check coalesce conflict distinct else exists extract filter from greatest in index
  is join key lateral least limit materialized not nullif offset on only operator or over recursive returning row select
  set table then unique using values when where with`.split(/\s+/),
)

/** Types that are grammar words. They are always the server's own. */
const GRAMMAR_TYPES = new Set(
  'bigint bit boolean character decimal double int integer interval numeric real smallint time timestamp varchar'.split(
    ' ',
  ),
)

/** Words that imply an operator, which the server looks up like any other. */
const IMPLIED: Readonly<Record<string, string>> = {
  between: '>=',
  ilike: '~~*',
  like: '~~',
  natural: '=',
  nullif: '=',
  similar: '~',
}

/** Words that end the list of tables after FROM. */
const ENDS_FROM = new Set(
  'where group order limit returning set select having on for union window'.split(' '),
)

/** First words of statements in which the server looks up no names, or only names of the user. */
const NAMELESS = new Set('set lock grant drop listen revoke unlisten reset'.split(' '))

const BEFORE_RELATION = new Set(['from', 'join', 'into', 'update', 'table', 'using'])

/** Returns each name once for each of its occurrences. */
export function namesIn(sql: string): SqlName[] {
  return statementsIn(tokensOf(sql)).flatMap((tokens) => {
    const [first, second] = tokens
    if (first === undefined || NAMELESS.has(first.text) || second?.text === 'schema') return []
    if (first.text === 'do') return namesIn(second!.text)
    return new Reader(tokens).names()
  })
}

function statementsIn(tokens: readonly Token[]): Token[][] {
  const statements: Token[][] = [[]]
  for (const token of tokens) {
    if (token.text === ';' && token.kind === 'mark') statements.push([])
    else statements.at(-1)!.push(token)
  }
  return statements
}

class Reader {
  readonly #tokens: readonly Token[]
  readonly #names: SqlName[] = []
  readonly #local: ReadonlySet<string>

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
    const isLocal = (_: Token, i: number): boolean =>
      this.#is(i, 'word') && this.#text(i + 1) === 'as' && ['(', 'materialized'].includes(this.#text(i + 2))
    this.#local = new Set(tokens.filter(isLocal).map(({ text }) => text))
  }

  names(): SqlName[] {
    for (let i = 0; i < this.#tokens.length; i++) {
      this.#readFunction(i)
      this.#readOperator(i)
      this.#readImplied(i)
      this.#readType(i)
      this.#readRelation(i)
    }
    return this.#names
  }

  #readFunction(i: number): void {
    const isName = this.#is(i, 'word') && this.#text(i + 1) === '(' && !NO_FUNCTIONS.has(this.#text(i))
    // The parenthesis holds the columns of an alias, or of a table that is written or created.
    if (!isName || this.#text(i - 1) === 'as' || this.#isRelation(this.#start(i))) return
    if (this.#isTypeAt(this.#start(i))) return
    this.#add('function', i)
  }

  #readOperator(i: number): void {
    if (!this.#is(i, 'operator')) return
    const name = this.#text(i)
    if (this.#text(i - 1) === '.' && this.#text(i - 3) === '(' && this.#text(i - 4) === 'operator') {
      this.#names.push({ kind: 'operator', name, schema: this.#text(i - 2) })
      return
    }
    if (
      name === '*' &&
      (['(', '.', ',', 'select'].includes(this.#text(i - 1)) || this.#text(i + 1) === 'from')
    )
      return
    if (name === '=' && (this.#isAssignment(i) || this.#isStorage(i))) return
    // A colon separates the bounds of a slice.
    if (name === ':') return
    if (name === '-' && this.#is(i + 1, 'number') && !this.#isOperand(i - 1)) return
    this.#names.push({ kind: 'operator', name, schema: null })
  }

  #readImplied(i: number): void {
    if (!this.#is(i, 'word')) return
    const word = this.#text(i)
    const next = this.#text(i + 1)
    const implied =
      IMPLIED[word] ??
      // FOR name IN is a loop.
      ((word === 'in' && this.#text(i - 2) !== 'for') ||
      (word === 'case' && next !== 'when') ||
      (word === 'using' && next === '(') ||
      (word === 'distinct' && next === 'from')
        ? '='
        : null)
    if (implied !== null) this.#names.push({ kind: 'operator', name: implied, schema: null })
  }

  #readType(i: number): void {
    if (!this.#isTypeAt(i) || GRAMMAR_TYPES.has(this.#text(i))) return
    this.#add('type', this.#text(i + 1) === '.' ? i + 2 : i)
  }

  #readRelation(i: number): void {
    if (!this.#isRelation(i)) return
    const last = this.#text(i + 1) === '.' ? i + 2 : i
    const isFunction = this.#text(last + 1) === '(' && !this.#isWritten(i)
    if (isFunction || (last === i && this.#local.has(this.#text(i)))) return
    this.#add('relation', last)
  }

  /**
   * A type stands after `::`, before a string literal, in CAST (... AS type), and after the name of a column or variable in
   * its declaration.
   */
  #isTypeAt(i: number): boolean {
    if (!this.#is(i, 'word')) return false
    if (this.#text(i - 1) === '::') return true
    if (this.#is(i + 1, 'string') && !this.#isKeyword(i)) return true
    if (this.#text(i - 1) === 'as' && this.#isInCast(i)) return true
    const first = this.#text(0)
    if (first === 'declare') return i === 2
    if (first !== 'create') return false
    if (this.#text(1) === 'sequence') return this.#text(i - 1) === 'as'
    const isColumn = this.#tokens[i]!.depth === 1 && ['(', ','].includes(this.#text(i - 2))
    return isColumn && !['primary', 'check', 'unique', 'foreign', 'constraint'].includes(this.#text(i - 1))
  }

  /** Whether the innermost parenthesis around the token belongs to CAST. */
  #isInCast(i: number): boolean {
    const { depth } = this.#tokens[i]!
    let j = i
    while (j >= 0 && this.#tokens[j]!.depth >= depth) j--
    return this.#text(j - 1) === 'cast'
  }

  #isKeyword(i: number): boolean {
    const word = this.#text(i)
    return NO_FUNCTIONS.has(word) || ['between', 'default', 'like', 'then', 'else', 'zone'].includes(word)
  }

  /** Whether the name that starts here is the name of a relation. */
  #isRelation(i: number): boolean {
    if (
      !this.#is(i, 'word') ||
      NO_FUNCTIONS.has(this.#text(i)) ||
      ['rows', 'if', 'set', 'of'].includes(this.#text(i))
    )
      return false
    const before = this.#text(i - 1)
    if (this.#text(i - 3) === 'if' && before === 'exists') return this.#text(i - 4) !== 'column'
    if (before === ',') return this.#isInFrom(i)
    if (!BEFORE_RELATION.has(before)) return false
    if (before === 'from') return !this.#isNoClause(i - 1)
    return !(before === 'update' && ['do', 'for', 'key'].includes(this.#text(i - 2)))
  }

  /** Whether FROM belongs to EXTRACT (epoch FROM at) or to IS DISTINCT FROM. */
  #isNoClause(i: number): boolean {
    return this.#text(i - 1) === 'distinct' || this.#text(i - 3) === 'extract'
  }

  #isInFrom(i: number): boolean {
    const { depth } = this.#tokens[i]!
    for (let j = i - 1; j >= 0 && this.#tokens[j]!.depth >= depth; j--) {
      if (this.#tokens[j]!.depth > depth) continue
      if (ENDS_FROM.has(this.#text(j))) return false
      if (this.#text(j) === 'from') return !this.#isNoClause(j)
    }
    return false
  }

  #isWritten(i: number): boolean {
    return this.#text(i - 1) === 'into' || this.#text(i - 1) === 'exists' || this.#text(i - 1) === 'table'
  }

  /** Whether `=` belongs to SET column = value. */
  #isAssignment(i: number): boolean {
    const { depth } = this.#tokens[i]!
    const before = this.#text(i - 2)
    if (before === 'set') return true
    if (before !== ',') return false
    for (let j = i - 3; j >= 0; j--) {
      if (this.#tokens[j]!.depth !== depth) continue
      if (this.#text(j) === 'set') return true
      if (['from', 'where', 'select', 'returning'].includes(this.#text(j))) return false
    }
    return false
  }

  /** Whether `=` belongs to CREATE TABLE ... WITH (parameter = value, ...). */
  #isStorage(i: number): boolean {
    const { depth } = this.#tokens[i]!
    if (this.#text(0) !== 'create' || depth !== 1) return false
    let j = i - 1
    while (j > 0 && this.#tokens[j]!.depth >= depth) j--
    return this.#text(j) === 'with' || this.#text(j - 1) === 'with'
  }

  #isOperand(i: number): boolean {
    return this.#is(i, 'number') || this.#is(i, 'parameter') || this.#text(i) === ')' || this.#is(i, 'word')
  }

  /** The start of the name that ends here. */
  #start(i: number): number {
    return this.#text(i - 1) === '.' ? i - 2 : i
  }

  #add(kind: NameKind, i: number): void {
    const schema = this.#text(i - 1) === '.' ? this.#text(i - 2) : null
    this.#names.push({ kind, name: this.#text(i), schema })
  }

  #is(i: number, kind: Token['kind']): boolean {
    return this.#tokens[i]?.kind === kind
  }

  #text(i: number): string {
    return this.#tokens[i]?.text ?? ''
  }
}
