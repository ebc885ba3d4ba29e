import pg from 'pg'

/** The parts of the driver that put statements on the wire. */
interface Wire {
  query: (this: unknown, text: string) => unknown
  parse: (this: unknown, query: { readonly text: string }, ...rest: unknown[]) => unknown
}

/** Records the text of every statement that this process sends through `pg`, until it is disposed. */
export class SentStatements implements Disposable {
  readonly texts: Set<string> = new Set<string>()
  readonly #wire = pg.Connection.prototype as unknown as Wire
  readonly #before = { query: this.#wire.query, parse: this.#wire.parse }

  constructor() {
    const { texts } = this
    const { query, parse } = this.#before
    this.#wire.query = function (text) {
      texts.add(text)
      return query.call(this, text)
    }
    this.#wire.parse = function (statement, ...rest) {
      texts.add(statement.text)
      return parse.call(this, statement, ...rest)
    }
  }

  [Symbol.dispose](): void {
    Object.assign(this.#wire, this.#before)
  }
}
