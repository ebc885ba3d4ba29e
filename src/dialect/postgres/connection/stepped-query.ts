import type pg from 'pg'
import { OwnQuery, type OwnValue, type Prepared } from './own-query.js'

/** Members of `pg.Connection` that its types leave out. */
interface Wire {
  readonly submittedNamedStatements: Record<string, string>
  readonly parsedStatements: Record<string, string>
  parse(statement: Prepared): void
  bind(portal: { readonly statement: string; readonly values: readonly unknown[] }): void
  execute(portal: { readonly portal: string }): void
  sync(): void
}

/** The values of a row as text, by column. */
export type TextRow = readonly (string | null)[]

/** A statement that runs before another one, in the same transaction. */
export interface Step {
  readonly statement: Prepared
  /** The values as text. */
  readonly values: readonly string[]
}

/** Parses a named statement, and does nothing else. */
export class OwnParse extends OwnQuery<pg.QueryResultRow> {
  readonly #statement: Prepared

  constructor(statement: Prepared, answered: (error: Error | undefined) => void) {
    super(statement.text, undefined, answered, statement.name)
    this.#statement = statement
  }

  static isNeeded({ name }: Prepared, connection: unknown): boolean {
    const { parsedStatements, submittedNamedStatements } = connection as Wire
    return parsedStatements[name] === undefined && submittedNamedStatements[name] === undefined
  }

  /** Called by `submit`. */
  prepare(connection: pg.Connection): void {
    const wire = connection as unknown as Wire
    const { name, text } = this.#statement
    wire.parse(this.#statement)
    wire.submittedNamedStatements[name] = text
    wire.sync()
  }
}

/**
 * A statement that runs after other statements that it needs: one message, one transaction and one answer. The server
 * must know all of them by name. Of the other statements, only the first row of the first one is read.
 */
export class SteppedQuery<Row extends pg.QueryResultRow> extends OwnQuery<Row> {
  readonly #steps: readonly Step[]
  readonly #onFirstRow: (first: TextRow) => void
  #hasHeard = false
  #isLast = false

  constructor(
    steps: readonly Step[],
    { name, text }: Prepared,
    values: OwnValue[],
    answered: (error: Error | undefined, result: pg.ResultBuilder<Row>) => void,
    onFirstRow: (first: TextRow) => void,
  ) {
    super(text, values, answered, name)
    this.#steps = steps
    this.#onFirstRow = onFirstRow
  }

  /** Called by `submit`. The inherited method binds, describes and executes the statement, and ends the transaction. */
  prepare(connection: pg.Connection): void {
    const wire = connection as unknown as Wire
    for (const { statement, values } of this.#steps) {
      wire.bind({ statement: statement.name, values })
      wire.execute({ portal: '' })
    }
    ;(OwnQuery.prototype as unknown as { prepare(connection: pg.Connection): void }).prepare.call(
      this,
      connection,
    )
  }

  /** Only the last statement is described. */
  handleRowDescription(message: unknown): void {
    this.#isLast = true
    inherited.handleRowDescription.call(this, message)
  }

  handleDataRow(message: { readonly fields: TextRow }): void {
    if (this.#isLast) return inherited.handleDataRow.call(this, message)
    if (!this.#hasHeard) this.#onFirstRow(message.fields)
    this.#hasHeard = true
  }

  handleCommandComplete(message: unknown, connection: pg.Connection): void {
    if (this.#isLast) inherited.handleCommandComplete.call(this, message, connection)
  }
}

const inherited = OwnQuery.prototype as unknown as {
  handleRowDescription(message: unknown): void
  handleDataRow(message: unknown): void
  handleCommandComplete(message: unknown, connection: pg.Connection): void
}
