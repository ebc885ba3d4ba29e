import type { FakeConnection } from '../../src/testing/fake-connection.js'
import type { FakeServer } from '../../src/testing/fake-server.js'
import type { ManualClock } from '../../src/testing/manual-clock.js'
import type { SeededRandom } from '../../src/testing/seeded-random.js'
import type { Fault } from './scenario.js'
import type { SimProcess } from './sim-process.js'
import type { Witness } from './witness.js'

/** What faults can affect. */
export interface StrikePorts {
  readonly clock: ManualClock
  readonly random: SeededRandom
  readonly server: FakeServer
  readonly witness: Witness
  readonly processes: () => readonly SimProcess[]
  readonly replace: (process: SimProcess) => void
  readonly delayNext: () => void
  /**
   * Whether a connection that was cut off ends when it is mended. If locks are rows, a connection has no lease, so the server
   * does not end it. Without the end, the client would not notice that messages were lost.
   */
  readonly breaksWhenMended: boolean
}

/** The fault lasts for a random time up to this limit. In three of five cases that is longer than the lease of 1000 ms. */
const LONGEST_CUT_MS = 2500
const LONGEST_STOP_MS = 2500
const LONGEST_OUTAGE_MS = 1000
const HOUR_MS = 3_600_000

/** Carries out faults, and ends them. */
export class Strikes {
  readonly #ports: StrikePorts
  readonly #damaged = new Set<FakeConnection>()

  constructor(ports: StrikePorts) {
    this.#ports = ports
  }

  strike(fault: Fault): void {
    const { random, clock, server, replace } = this.#ports
    const process = this.#target()
    const connections = process.connections.filter((connection) => !this.#damaged.has(connection))
    const connection = connections.length === 0 ? null : random.pick(connections)
    const ms = (longest: number): number => random.below(longest)
    switch (fault) {
      case 'failBatch':
        return server.failNextBatch(random.below(4))
      case 'restart':
        for (const each of this.#ports.processes()) this.#letGo(each)
        server.stop()
        return void clock.after(ms(LONGEST_OUTAGE_MS), () => server.start())
      case 'silent':
        server.isSilent = true
        return void clock.after(ms(LONGEST_OUTAGE_MS), () => (server.isSilent = false))
      case 'kill':
        return connection === null ? undefined : this.#end(connection)
      case 'ghost':
        if (this.#damaged.size > 0) return this.#end(random.pick([...this.#damaged]))
        return connection === null ? undefined : this.#damage(connection, 'isCutOff')
      case 'cut':
        return connection === null ? undefined : this.#damage(connection, 'isCutOff')
      case 'mute':
        return connection === null ? undefined : this.#damage(connection, 'isMute')
      case 'stop':
      case 'sleep':
        return process.stop(ms(LONGEST_STOP_MS), fault === 'sleep')
      case 'forward':
        return process.clock.setWall(ms(HOUR_MS))
      case 'back':
        return process.clock.setWall(-ms(HOUR_MS))
      case 'late':
        return this.#ports.delayNext()
      case 'crash':
        return replace(process)
    }
  }

  /** Prefers a process that holds locks, because a fault there is more likely to break a promise. */
  #target(): SimProcess {
    const { random, processes } = this.#ports
    const holders = processes().filter(({ holds, isRunning }) => isRunning && holds.size > 0)
    return random.pick(holders.length > 0 && random.chance(0.7) ? holders : processes())
  }

  /** Ends all faults. */
  endAll(): void {
    const { server, processes } = this.#ports
    for (const connection of this.#damaged) this.#mend(connection)
    for (const process of processes()) process.goOn()
    server.isSilent = false
    server.notificationLoss = 0
    server.start()
  }

  #damage(connection: FakeConnection, how: 'isCutOff' | 'isMute'): void {
    connection[how] = true
    this.#damaged.add(connection)
    this.#ports.clock.after(this.#ports.random.below(LONGEST_CUT_MS), () => this.#mend(connection))
  }

  /** Restores the network of a connection. A connection that has lost answers cannot continue, so it ends. */
  #mend(connection: FakeConnection): void {
    if (!this.#damaged.delete(connection)) return
    connection.isCutOff = false
    if (!connection.isMute && !this.#ports.breaksWhenMended) return
    connection.isMute = false
    this.#end(connection)
  }

  #end(connection: FakeConnection): void {
    const owner = this.#ports.processes().find((process) => process.connections.includes(connection))
    if (owner !== undefined) this.#letGo(owner)
    this.#ports.server.end(connection)
  }

  /**
   * Reports the end of a session to the witness if the process is stopped or has a damaged connection: then it may learn of the
   * loss too late.
   */
  #letGo(process: SimProcess): void {
    const isReached =
      process.isRunning && !process.connections.some((connection) => this.#damaged.has(connection))
    if (!isReached) this.#ports.witness.letGo(process.name)
  }
}
