/** One worker process of the demo: many tasks that transfer money. The crew starts it, and it ends with the crew. */
import { sleep, systemClock } from '../../base/clock.js'
import { LockLostError, LockTableFullError } from '../../base/errors.js'
import { systemRandom } from '../../base/random.js'
import type { LockGroup } from '../../lock/handle/lock-group.js'
import { LockPool } from '../../postgres-lock-pool.js'
import { ledgerStatements } from './ledger-sql.js'
import type { WorkerCommand, WorkerMessage, WorkerOrders, WorkerReport } from './messages.js'
import { WaitHistogram } from './wait-histogram.js'

const REPORT_EVERY_MS = 200

/** The longest time between reading and writing, in which other tasks can change the accounts. */
const LONGEST_THOUGHT_MS = 4

/** The largest transfer, in cents. */
const LARGEST_AMOUNT = 5000

/** Without locks: the largest token of all, so that no write is refused. */
const NO_TOKEN = String(2n ** 63n - 1n)

/** How long a task pauses when the server has no room for its locks. */
const FULL_PAUSE_MS = 100

const STOPPED = new Error('stopped')

class Worker {
  readonly #orders: WorkerOrders
  readonly #locks: LockPool
  readonly #statements: ReturnType<typeof ledgerStatements>
  /** Aborts with `STOPPED`, to end all waits. */
  #stopping = new AbortController()
  #tasks: Promise<void>[] = []
  #transfers = 0
  #refused = 0
  #waits = new WaitHistogram()
  #before = { acquired: 0, handedOff: 0, lost: 0 }

  constructor(orders: WorkerOrders) {
    this.#orders = orders
    this.#statements = ledgerStatements(orders.schema)
    this.#locks = new LockPool({
      connection: orders.url,
      applicationName: orders.applicationName,
      namespace: orders.namespace,
      max: orders.connections,
    })
  }

  async ready(): Promise<void> {
    await this.#locks.ready()
  }

  start(withLocks: boolean): void {
    this.#stopping = new AbortController()
    this.#transfers = 0
    this.#refused = 0
    this.#waits = new WaitHistogram()
    this.#before = { ...this.#locks.snapshot().counters }
    this.#tasks = Array.from({ length: this.#orders.tasks }, () => this.#task(withLocks))
  }

  async stop(): Promise<void> {
    this.#stopping.abort(STOPPED)
    await Promise.all(this.#tasks)
  }

  close(): Promise<void> {
    return this.#locks.close()
  }

  report(): WorkerReport {
    const { counters, held, waiting } = this.#locks.snapshot()
    return {
      transfers: this.#transfers,
      acquired: counters.acquired - this.#before.acquired,
      handedOff: counters.handedOff - this.#before.handedOff,
      lost: counters.lost - this.#before.lost,
      refused: this.#refused,
      held,
      waiting,
      waits: this.#waits.toJSON(),
    }
  }

  async #task(withLocks: boolean): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const from = this.#someAccount()
      const to = this.#someAccount()
      if (from === to) continue
      try {
        if (withLocks) await this.#transferUnderLock(from, to, signal)
        else await this.#transfer(from, to, [NO_TOKEN, NO_TOKEN], signal)
      } catch (error) {
        if (error === STOPPED) return
        // The pool counts it, and the worker reports it at the end; the other tasks continue.
        if (error instanceof LockLostError) continue
        // The server has little room for locks: try again.
        if (!(error instanceof LockTableFullError)) throw error
        await sleep(systemClock, FULL_PAUSE_MS)
      }
    }
  }

  /** All use of lockpool in this demo. */
  async #transferUnderLock(from: number, to: number, signal: AbortSignal): Promise<void> {
    const since = systemClock.now()
    await using both: LockGroup = await this.#locks.acquireAll([`account ${from}`, `account ${to}`], {
      signal,
    })
    this.#waits.add(systemClock.now() - since)
    const tokens = both.locks.map((lock) => String(lock.token))
    const isWritten = await this.#transfer(from, to, tokens, signal)
    if (!isWritten && both.state === 'held') this.#refused++
  }

  /** Reads both accounts, waits a moment, and writes both. False if the ledger refused it. */
  async #transfer(
    from: number,
    to: number,
    [fromToken, toToken]: readonly string[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { connections } = this.#locks
    const read = await connections.use(
      (connection) =>
        connection.query<{ id: number; cents: string }>({
          name: 'read',
          text: this.#statements.read,
          values: [from, fromToken, to, toToken],
        }),
      { signal },
    )
    const cents = new Map(read.rows.map((row) => [row.id, BigInt(row.cents)]))
    await sleep(systemClock, systemRandom.next() * LONGEST_THOUGHT_MS)
    const amount = BigInt(1 + Math.floor(systemRandom.next() * LARGEST_AMOUNT))
    const values = [from, fromToken, cents.get(from)! - amount, to, toToken, cents.get(to)! + amount, amount]
    const statement = { name: 'write', text: this.#statements.write, values }
    const written = await connections.use((connection) => connection.query(statement), { signal })
    if (written.rowCount !== 2) return false
    this.#transfers++
    return true
  }

  #someAccount(): number {
    return 1 + Math.floor(systemRandom.next() * this.#orders.accounts)
  }
}

function send(message: WorkerMessage): void {
  if (process.connected) process.send!(message)
}

function fail(error: unknown): void {
  const { code, message } = error as Error & { code?: unknown }
  const last: WorkerMessage = { is: 'failed', code: typeof code === 'string' ? code : null, message }
  if (process.connected) process.send!(last, () => process.exit(1))
  else process.exit(1)
}

async function obey(worker: Worker, command: WorkerCommand): Promise<void> {
  switch (command.do) {
    case 'start':
      return worker.start(command.withLocks)
    case 'stop':
      await worker.stop()
      return send({ is: 'stopped', report: worker.report() })
    case 'leave':
      await worker.close()
      process.exit(0)
  }
}

async function begin(orders: WorkerOrders): Promise<void> {
  const worker = new Worker(orders)
  process.on('message', (command) => void obey(worker, command as WorkerCommand).catch(fail))
  await worker.ready()
  send({ is: 'ready' })
  const tick = (): void => {
    send({ is: 'report', report: worker.report() })
    systemClock.after(REPORT_EVERY_MS, tick)
  }
  tick()
}

// The supervisor decides when a worker ends, also after Ctrl-C or when the terminal closes.
for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP'] as const) process.on(signal, () => undefined)
process.on('disconnect', () => process.exit(0))
process.on('unhandledRejection', fail)
process.once('message', (orders) => void begin(orders as WorkerOrders).catch(fail))
