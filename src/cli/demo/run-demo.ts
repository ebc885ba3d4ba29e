import { sleep, systemClock } from '../../base/clock.js'
import type { EmbeddedPostgres } from '../../embedded/index.js'
import { CrewMember } from './crew.js'
import { OPENING_CENTS, type DemoOrder } from './demo-order.js'
import { killLines, type DemoView } from './demo-view.js'
import { Ledger } from './ledger.js'
import { money, thousands, type DemoOutcome, type KillOutcome, type PartOutcome } from './outcome.js'
import { tally, type Tally } from './tally.js'

const LOOK_EVERY_MS = 150
const WITHOUT_LOCKS_MS = 3000

/** On a slow machine, the part without locks may last this many times as long, until every task could have made a transfer. */
const PATIENCE = 3

/** The part of the time with locks after which one worker is killed. */
const KILL_AT = 0.4

/** Commits need not wait for the disk. Each task may have two locks. */
const SERVER = { durable: false, settings: { max_locks_per_transaction: 256 } } as const

/** How long the server may take to notice that a process is gone: it does at once, when its sockets close. */
const FREED_LIMIT_MS = 10_000

/** How long to look for another process with one of its locks: perhaps no other process wants them. */
const INHERITED_LIMIT_MS = 2000

/** The whole story: a server, a ledger, workers; without locks, then with; and nothing is left afterwards. */
export class Demo {
  readonly #order: DemoOrder
  readonly #view: DemoView
  #server: EmbeddedPostgres | null = null
  #ledger: Ledger | null = null
  #crew: CrewMember[] = []
  #peak = { connections: 0, held: 0, waiting: 0 }
  #story: Promise<unknown> = Promise.resolve()
  #isOver = false

  constructor(order: DemoOrder, view: DemoView) {
    this.#order = order
    this.#view = view
  }

  run(): Promise<DemoOutcome> {
    const story = this.#play()
    this.#story = story
    return story
  }

  /** Cleans up in any state: no process, table or server is left. */
  async cleanUp(): Promise<void> {
    this.#isOver = true
    await this.#killCrew()
    // It may be making something that must be removed.
    await this.#story.catch(() => undefined)
    await this.#killCrew()
    try {
      await this.#ledger?.drop()
    } finally {
      await this.#server?.stop()
    }
  }

  async #play(): Promise<DemoOutcome> {
    const { processes, tasks, accounts, connections, seconds } = this.#order
    const ledger = await this.#prepare()
    this.#view.heading('1. Without locks')
    const without = await this.#part(ledger, false, Math.min(seconds * 1000, WITHOUT_LOCKS_MS), null)
    this.#showWrongSums(without)
    this.#view.heading('2. With lockpool, the same tasks')
    const kills: KillOutcome[] = []
    const withLocks = await this.#part(ledger, true, seconds * 1000, kills)
    this.#showWrongSums(withLocks)
    await Promise.all(this.#crew.map((member) => member.leave()))
    return {
      version: 1,
      server: await ledger.serverVersion(),
      processes,
      tasks,
      accounts,
      maxConnections: processes * connections,
      without,
      withLocks,
      killed: kills[0]!,
      peak: this.#peak,
    }
  }

  async #killCrew(): Promise<void> {
    await Promise.all(this.#crew.map((member) => member.kill()))
  }

  async #prepare(): Promise<Ledger> {
    const { processes, tasks, accounts, connections, run } = this.#order
    const url = this.#order.url ?? (await this.#startServer())
    if (this.#isOver) throw new Error('stopped')
    const ledger = (this.#ledger = await Ledger.create(url, run))
    await ledger.fill(accounts, OPENING_CENTS)
    const server = `PostgreSQL ${await ledger.serverVersion()}`
    this.#view.say(
      this.#order.url === null
        ? `  ${server}, started for this demo; gone when it ends`
        : `  ${server}, yours`,
    )
    if (this.#isOver) throw new Error('stopped')
    this.#crew = Array.from({ length: processes }, (_, i) => {
      const applicationName = `${this.#prefix}${i + 1}`
      const namespace = `demo ${run}`
      return new CrewMember({
        url,
        applicationName,
        namespace,
        schema: ledger.schema,
        accounts,
        tasks,
        connections,
      })
    })
    await Promise.all(this.#crew.map((member) => member.ready))
    this.#view.say(
      `  ${thousands(accounts)} accounts with ${money(OPENING_CENTS)} each, ${money(accounts * OPENING_CENTS)} in all`,
    )
    this.#view.say(
      `  ${processes} worker processes with ${tasks} tasks and at most ${connections} connections each`,
    )
    this.#view.say('  A task reads two accounts, thinks, and writes both back, over and over')
    return ledger
  }

  async #startServer(): Promise<string> {
    // Settings in the environment for another server (PGSSLMODE, PGOPTIONS) must not apply to this one.
    for (const name of Object.keys(process.env)) if (name.startsWith('PG')) delete process.env[name]
    const { startEmbeddedPostgres } = await import('../../embedded/index.js')
    this.#server = await startEmbeddedPostgres(SERVER)
    return this.#server.url
  }

  get #prefix(): string {
    return `lockpool demo ${this.#order.run} `
  }

  /** With `kills`, kills one worker in the middle, and adds the outcome to `kills`. */
  async #part(
    ledger: Ledger,
    withLocks: boolean,
    ofMs: number,
    kills: KillOutcome[] | null,
  ): Promise<PartOutcome> {
    const { accounts } = this.#order
    await ledger.fill(accounts, OPENING_CENTS)
    const since = systemClock.now()
    for (const member of this.#crew) member.start(withLocks)
    let kill: Omit<KillOutcome, 'transfersAfter'> | null = null
    let transfersBefore = 0
    const isTooFew = (ms: number): boolean =>
      !withLocks &&
      ms < ofMs * PATIENCE &&
      this.#tally().transfers < this.#order.processes * this.#order.tasks
    for (let ms = 0; ms < ofMs || isTooFew(ms); ms = systemClock.now() - since) {
      await sleep(systemClock, LOOK_EVERY_MS)
      if (this.#isOver) throw new Error('stopped')
      for (const { failure } of this.#crew) if (failure !== null) throw failure
      await this.#look(ledger, withLocks, systemClock.now() - since, ofMs)
      if (kills === null || kill !== null || ms < ofMs * KILL_AT) continue
      kill = await this.#killOne(ledger, systemClock.now() - since)
      transfersBefore = this.#tally().transfers
    }
    await Promise.all(this.#crew.map((member) => member.stop()))
    const ms = systemClock.now() - since
    const total = this.#tally()
    if (kill !== null) kills!.push({ ...kill, transfersAfter: total.transfers - transfersBefore })
    const state = await ledger.state()
    return { tally: total, ms, ledger: state, missingCents: state.cents - accounts * OPENING_CENTS }
  }

  async #look(ledger: Ledger, withLocks: boolean, ms: number, ofMs: number): Promise<void> {
    const seen = [...(await ledger.connections(this.#prefix)).values()]
    const connections = seen.reduce((sum, each) => sum + each, 0)
    const now = this.#tally()
    const { held, waiting } = now
    this.#peak.connections = Math.max(this.#peak.connections, connections)
    if (withLocks) {
      this.#peak.held = Math.max(this.#peak.held, held)
      this.#peak.waiting = Math.max(this.#peak.waiting, waiting)
    }
    const title = withLocks ? 'with lockpool' : 'without locks'
    this.#view.progress({ title, ms, ofMs: Math.max(ms, ofMs), withLocks, tally: now, connections })
  }

  async #killOne(ledger: Ledger, atMs: number): Promise<Omit<KillOutcome, 'transfersAfter'>> {
    const worker = this.#crew.length - 1
    const target = this.#crew[worker]!
    const { applicationName } = target.orders
    target.freeze()
    const locks = await ledger.locks(applicationName)
    const since = systemClock.now()
    await target.kill()
    const after = await this.#untilInherited(ledger, applicationName, locks, since)
    const kill = { worker: worker + 1, pid: target.pid, atMs, locks: locks.length, ...after }
    for (const line of killLines(kill)) this.#view.say(line)
    return kill
  }

  /** Waits until the killed worker has no connection at the server, and another process has one of its locks. */
  async #untilInherited(
    ledger: Ledger,
    applicationName: string,
    locks: readonly string[],
    since: number,
  ): Promise<Pick<KillOutcome, 'freedAfterMs' | 'inheritedAfterMs'>> {
    let freedAfterMs: number | null = null
    let inheritedAfterMs: number | null = null
    for (let ms = 0; ms < FREED_LIMIT_MS && !this.#isOver; ms = systemClock.now() - since) {
      if (freedAfterMs === null && (await ledger.connections(applicationName)).size === 0) {
        freedAfterMs = systemClock.now() - since
      }
      if (inheritedAfterMs === null && (await ledger.isInherited(locks, applicationName, this.#prefix))) {
        inheritedAfterMs = systemClock.now() - since
      }
      const isDone = inheritedAfterMs !== null || locks.length === 0 || ms > INHERITED_LIMIT_MS
      if (freedAfterMs !== null && isDone) break
    }
    return { freedAfterMs, inheritedAfterMs }
  }

  #tally(): Tally {
    return tally(this.#crew.map((member) => member.report))
  }

  #showWrongSums({ ledger: { wrongAccounts, wrongCents }, tally: { transfers }, ms }: PartOutcome): void {
    const found =
      wrongAccounts === 0
        ? 'every account is right to the cent'
        : `${thousands(wrongAccounts)} accounts are wrong, by ${money(wrongCents)} in all`
    this.#view.say(`  ${thousands(transfers)} transfers in ${(ms / 1000).toFixed(1)} s: ${found}`)
  }
}
