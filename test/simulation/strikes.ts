import type { FakeConnection } from '../../src/testing/fake-connection.js'
import type { FakeServer } from '../../src/testing/fake-server.js'
import type { ManualClock } from '../../src/testing/manual-clock.js'
import type { SeededRandom } from '../../src/testing/seeded-random.js'
import type { Fault } from './scenario.js'
import type { SimProcess } from './sim-process.js'
import type { Witness } from './witness.js'

/** What strikes can lay hands on. */
export interface StrikePorts {
  readonly clock: ManualClock
  readonly random: SeededRandom
  readonly server: FakeServer
  readonly witness: Witness
  readonly processes: () => readonly SimProcess[]
  readonly replace: (process: SimProcess) => void
  readonly delayNext: () => void
  /** Nothing else notices what was lost: no lease of the connection, that the server would have ended meanwhile. */
  readonly breaksWhenMended: boolean
}

/** Longer than a lease more often than not, which is 1000 ms. */
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
    const process = this.#victim()
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

  /** Preferably one that holds something: it has the more to lose. */
  #victim(): SimProcess {
    const { random, processes } = this.#ports
    const holders = processes().filter(({ holds, isRunning }) => isRunning && holds.size > 0)
    return random.pick(holders.length > 0 && random.chance(0.7) ? holders : processes())
  }

  /** All that is wrong comes to an end. */
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

  /** A connection that has lost answers cannot continue: it breaks. */
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

  /** It may not hear of what it loses at once. */
  #letGo(process: SimProcess): void {
    const isReached =
      process.isRunning && !process.connections.some((connection) => this.#damaged.has(connection))
    if (!isReached) this.#ports.witness.letGo(process.name)
  }
}
