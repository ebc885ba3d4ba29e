import type { OwnRow } from '../../../src/dialect/mysql/connection/server-connection.js'
import { encodeRowKey, encodeRowSemaphore } from '../../../src/dialect/mysql/table/key.js'
import { MysqlRows } from '../../../src/dialect/mysql/table/row-store.js'
import type { StatementRunner as MysqlRunner } from '../../../src/dialect/mysql/table/statement-runner.js'
import { MYSQL_ROWS } from '../../../src/dialect/mysql/table/table-dialect.js'
import type { Capabilities } from '../../../src/dialect/capabilities.js'
import type { Dialect } from '../../../src/dialect/dialect.js'
import type { RowStore } from '../../../src/dialect/rows/row-store.js'
import type { StatementRunner } from '../../../src/dialect/rows/statement-runner.js'
import type { FakeConnection } from '../../../src/testing/fake-connection.js'
import { PLACE, type ProcedureServer } from './procedure-server.js'
import { SimRowDialect, type RowPorts } from './row-dialect.js'
import type { Send } from './sim-row-store.js'

type Values = readonly (string | number | null)[]

/**
 * The counterpart of `MysqlTableDialect`. Here the code that builds calls of procedures and reads their answers is the code
 * that runs on MariaDB and MySQL as well.
 */
export class SimProcedureDialect extends SimRowDialect {
  override readonly can: Capabilities = MYSQL_ROWS
  override readonly encodeKey: Dialect<FakeConnection>['encodeKey'] = encodeRowKey
  override readonly encodeSemaphore: Dialect<FakeConnection>['encodeSemaphore'] = encodeRowSemaphore
  readonly #send: Send
  readonly #server: ProcedureServer

  constructor(ports: RowPorts & { readonly server: ProcedureServer }) {
    // There are no notifications in these databases.
    super({ ...ports, isNotified: false })
    this.#send = ports.send
    this.#server = ports.server
  }

  protected override storeOn(runner: StatementRunner<FakeConnection>): RowStore {
    return new MysqlRows(
      new ProcedureRunner(runner, this.#send, this.#server) as unknown as MysqlRunner,
      PLACE,
    )
  }
}

/** The counterpart of `StatementRunner` of MariaDB and MySQL. */
class ProcedureRunner {
  readonly #runner: StatementRunner<FakeConnection>
  readonly #send: Send
  readonly #server: ProcedureServer

  constructor(runner: StatementRunner<FakeConnection>, send: Send, server: ProcedureServer) {
    this.#runner = runner
    this.#send = send
    this.#server = server
  }

  get isOver(): boolean {
    return this.#runner.isOver
  }

  set isOver(isOver: boolean) {
    this.#runner.isOver = isOver
  }

  call(sql: string, values: Values): Promise<readonly OwnRow[]> {
    return this.#once<readonly OwnRow[]>(sql, values)
  }

  callAtLast(sql: string, values: Values): Promise<readonly OwnRow[]> {
    return this.#atLast<readonly OwnRow[]>(sql, values)
  }

  change(sql: string, values: Values): Promise<number> {
    return this.#once<number>(sql, values)
  }

  changeAtLast(sql: string, values: Values): Promise<number> {
    return this.#atLast<number>(sql, values)
  }

  rows(sql: string, values: Values): Promise<readonly OwnRow[]> {
    return this.#atLast<readonly OwnRow[]>(sql, values)
  }

  #once<T>(sql: string, values: Values): Promise<T> {
    return this.#runner.once((on) => this.#send(on, () => this.#server.answer(sql, values) as T))
  }

  #atLast<T>(sql: string, values: Values): Promise<T> {
    return this.#runner.atLast((on) => this.#send(on, () => this.#server.answer(sql, values) as T))
  }
}
