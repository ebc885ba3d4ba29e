import pg from 'pg'
import { parserOf } from './own-parsers.js'

type Plain = string | number | boolean | null

/**
 * A value for a statement of ours. These types look the same on the wire whatever is configured in `pg`; a `Date` does
 * not.
 */
export type OwnValue = Plain | Buffer | readonly Plain[]

/** A statement that is parsed once per connection and then used by its name. */
export interface Prepared {
  readonly name: string
  readonly text: string
}

/** Members of `pg.Query` that its types leave out. */
interface QueryInternals {
  name?: string
  binary: boolean
  readonly _result: { _types: typeof OWN_TYPES }
}

type OnAnswer<Row extends pg.QueryResultRow> = (
  error: Error | undefined,
  result: pg.ResultBuilder<Row>,
) => void

const OWN_TYPES = { getTypeParser: parserOf } as const

/**
 * A statement of ours. The program may have configured `pg` to request other formats or to parse types in its own way,
 * for one connection (`binary`, `types`) or for all (`pg.defaults`, `pg.types`). That configuration is for the
 * program's statements. A statement of ours always asks for text, and our own parsers read the answer.
 */
export class OwnQuery<Row extends pg.QueryResultRow> extends pg.Query<Row> {
  constructor(text: string, values: OwnValue[] | undefined, answered: OnAnswer<Row>, name?: string) {
    // Three arguments instead of one object: `pg` copies the property descriptors of an object, which costs nearly a
    // tenth of a round trip (measured).
    super(text, values, answered)
    const internals = this as unknown as QueryInternals
    internals._result._types = OWN_TYPES
    if (name !== undefined) internals.name = name
  }

  static {
    const { submit } = pg.Query.prototype
    // The client calls `submit` last, after it has changed the other properties of the query.
    this.prototype.submit = function (this: pg.Query, connection: pg.Connection) {
      ;(this as unknown as QueryInternals).binary = false
      return submit.call(this, connection)
    }
  }
}

/** A statement of ours whose answer is not read. It builds no rows and no result. */
export class OwnCommand<Row extends pg.QueryResultRow> extends OwnQuery<Row> {
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleCommandComplete(): void {}
}
