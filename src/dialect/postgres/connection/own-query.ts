import pg from 'pg'
import { parserOf } from './own-parsers.js'

type Plain = string | number | boolean | null

/** A value in a statement of ours. Its form on the wire depends on nothing that can be set in `pg`: that of a `Date` does. */
export type OwnValue = Plain | Buffer | readonly Plain[]

/** A statement that is parsed once per connection, under its name. */
export interface Prepared {
  readonly name: string
  readonly text: string
}

/** What `pg` has and its types leave out. */
interface QueryInternals {
  name?: string
  binary: boolean
  readonly _result: { _types: typeof OWN_TYPES }
}

type Told<Row extends pg.QueryResultRow> = (error: Error | undefined, result: pg.ResultBuilder<Row>) => void

const OWN_TYPES = { getTypeParser: parserOf } as const

/**
 * A statement of ours. A program may have told `pg` to ask for other formats, or to read types in its own way, for one
 * connection (`binary`, `types`) or for all (`pg.defaults`, `pg.types`). That is for its own statements: this one is
 * answered in text, and read by our parsers.
 */
export class OwnQuery<Row extends pg.QueryResultRow> extends pg.Query<Row> {
  constructor(text: string, values: OwnValue[] | undefined, told: Told<Row>, name?: string) {
    // Not as one object: `pg` copies its property descriptors, which is much of a tenth of a round trip (measured).
    super(text, values, told)
    const internals = this as unknown as QueryInternals
    internals._result._types = OWN_TYPES
    if (name !== undefined) internals.name = name
  }

  static {
    const { submit } = pg.Query.prototype
    // The client calls it last, behind everything that it changes about a query.
    this.prototype.submit = function (this: pg.Query, connection: pg.Connection) {
      ;(this as unknown as QueryInternals).binary = false
      return submit.call(this, connection)
    }
  }
}

/** The same for who reads no answer: nothing is made of rows and results. */
export class OwnCommand<Row extends pg.QueryResultRow> extends OwnQuery<Row> {
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleCommandComplete(): void {}
}
