import { DistributedRows } from '../../../src/dialect/postgres/distributed/row-store.js'
import type { RowStore } from '../../../src/dialect/rows/row-store.js'
import type { StatementRunner } from '../../../src/dialect/rows/statement-runner.js'
import type { FakeConnection } from '../../../src/testing/fake-connection.js'
import type { DistTables } from './dist-tables.js'
import { SimRowDialect, type NewMember, type RowPorts } from './row-dialect.js'
import { SimRunner } from './sim-runner.js'
import { AT_ONCE, KEPT } from './sim-row-store.js'

/** The counterpart of `EngineDialect`. Here the code that decides and writes rows is the code that runs on a server as well. */
export class SimDistributedDialect extends SimRowDialect {
  readonly #ports: RowPorts & { readonly server: DistTables }

  constructor(ports: RowPorts & { readonly server: DistTables }) {
    // These engines send no notifications.
    super({ ...ports, isNotified: false })
    this.#ports = ports
  }

  protected override storeOn(runner: StatementRunner<FakeConnection>, limitMs: number): RowStore {
    const { clock, random } = this.#ports
    const tidy = { tidyEvery: 1, tidyLimits: { kept: KEPT, atOnce: AT_ONCE } }
    return new DistributedRows(this.#runnerOn(runner), { clock, random, limitMs, ...tidy })
  }

  /** The statements of `join.ts`, in the same order. */
  protected override async insert(
    runner: StatementRunner<FakeConnection>,
    { id, leaseMs, name }: NewMember,
  ): Promise<{ readonly floor: string; readonly secret: null }> {
    const own = this.#runnerOn(runner)
    await own.rows({ name: 'lockpool_dist_member', text: '' }, [String(id), leaseMs, '', name])
    const gate = { name: 'lockpool_dist_open_gate', text: '' }
    const [row] = await own.rows<{ floor: string }>(gate, [String(id)])
    return { floor: row!.floor, secret: null }
  }

  #runnerOn(runner: StatementRunner<FakeConnection>): SimRunner {
    return new SimRunner(runner, this.#ports.send, this.#ports.server)
  }
}
