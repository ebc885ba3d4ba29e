import type { OwnValue, Prepared } from '../../../src/dialect/postgres/connection/own-query.js'
import type { Runner } from '../../../src/dialect/postgres/distributed/row-writer.js'
import type { SendStatement } from '../../../src/dialect/postgres/table/statement-runner.js'
import type { StatementRunner } from '../../../src/dialect/rows/statement-runner.js'
import type { FakeConnection } from '../../../src/testing/fake-connection.js'
import type { DistTables } from './dist-tables.js'
import type { Send } from './sim-row-store.js'

/** Sends the statements of engine `distributed` to tables in memory. */
export class SimRunner implements Runner {
  readonly #runner: StatementRunner<FakeConnection>
  readonly #send: Send
  readonly #tables: DistTables

  constructor(runner: StatementRunner<FakeConnection>, send: Send, tables: DistTables) {
    this.#runner = runner
    this.#send = send
    this.#tables = tables
  }

  get isOver(): boolean {
    return this.#runner.isOver
  }

  set isOver(isOver: boolean) {
    this.#runner.isOver = isOver
  }

  rows<Row extends object>(statement: Prepared, values: OwnValue[]): Promise<Row[]> {
    return this.#runner.once((connection) => this.#on(connection)<Row>(statement, values))
  }

  rowsAtLast<Row extends object>(statement: Prepared, values: OwnValue[]): Promise<Row[]> {
    return this.#runner.atLast((connection) => this.#on(connection)<Row>(statement, values))
  }

  together<T>(use: (send: SendStatement) => Promise<T>): Promise<T> {
    return this.#runner.once((connection) => use(this.#on(connection)))
  }

  #on(connection: FakeConnection): SendStatement {
    return <Row extends object>({ name }: Prepared, values: OwnValue[]) =>
      this.#send(connection, () => this.#tables.run(name, values) as Row[])
  }
}
