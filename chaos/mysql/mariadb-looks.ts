import { LockNames } from '../../src/dialect/mysql/keys/lock-names.js'
import { encodeRowKey } from '../../src/dialect/mysql/table/key.js'
import type { RoundPlan } from '../chaos-server.js'
import { sharedNow, type Holder, type Sighting } from '../history.js'
import { processOf } from '../process-of.js'
import type { Looks, SeenSession } from '../watch.js'
import {
  HELD_NAMES,
  heldRows,
  kill,
  killQuery,
  LEFT_NAMES,
  LEFT_SESSIONS,
  leftRows,
  SESSIONS,
} from './chaos-sql.js'
import { PatientConnection } from './patient-connection.js'
import { DATA_USER, JANITOR_USER } from './users.js'

export class MariaDbLooks implements Looks {
  readonly #plan: RoundPlan
  readonly #connection: PatientConnection
  /** The name or number of each key on the server. */
  readonly #keys: ReadonlyMap<string, string>

  /** `url` has no database, so that this session is not mistaken for one of a worker. */
  constructor(url: string, plan: RoundPlan) {
    this.#plan = plan
    this.#connection = new PatientConnection(url)
    const names = new LockNames(plan.name)
    const keys = Array.from({ length: plan.keys }, (_, i) => BigInt(i + 1))
    this.#keys = new Map(
      keys.map((key) => [
        plan.backend === 'table' ? encodeRowKey(key, '').bits : names.key(key, '').id,
        String(key),
      ]),
    )
  }

  async look(): Promise<Sighting> {
    if (this.#plan.backend !== 'table') {
      const rows = await this.#connection.say(HELD_NAMES)
      // A reader has a slot of the key.
      const keyOf = (name: unknown): string | undefined => this.#keys.get(String(name).replace(/\/r\d+$/, ''))
      return { at: sharedNow(), held: new Set(rows.flatMap(([name]) => keyOf(name) ?? [])) }
    }
    const held = new Set<string>()
    const holders = new Map<string, Holder>()
    for (const [bits, token, name, isOrphan] of await this.#connection.say(heldRows(this.#plan.name))) {
      const key = this.#keys.get(String(bits))
      if (key === undefined) continue
      held.add(key)
      if (name !== null || Number(isOrphan) === 1)
        holders.set(key, { process: name === null ? null : processOf(String(name)), token: String(token) })
    }
    return { at: sharedNow(), held, holders }
  }

  async sessions(): Promise<readonly SeenSession[]> {
    const rows = await this.#connection.say(SESSIONS, [this.#plan.name])
    return rows.map(([pid, user, port, idles, listens]) => ({
      pid: Number(pid),
      isData: user === DATA_USER,
      listens: Number(listens) === 1,
      idles: Number(idles) === 1,
      // The process list has no application name. A process behind its proxy is known by its ports.
      isOf: ({ proxy }) => proxy.comesFrom(Number(port)),
    }))
  }

  async terminate(pids: readonly number[]): Promise<void> {
    // A session that has just ended is not a failure.
    for (const pid of pids) await this.#connection.say(kill(pid)).catch(() => undefined)
  }

  /** Cancels the running statements of sessions. The sessions stay. */
  async interrupt(pids: readonly number[]): Promise<void> {
    for (const pid of pids) await this.#connection.say(killQuery(pid)).catch(() => undefined)
  }

  async leftovers(own: string): Promise<readonly string[]> {
    const { name, backend } = this.#plan
    const found = [
      ...(backend === 'table' ? await this.#connection.say(leftRows(name), [own, own]) : []),
      ...(await this.#connection.say(LEFT_NAMES)),
      ...(await this.#connection.say(LEFT_SESSIONS, [name, JANITOR_USER])),
    ]
    return found.map(([what]) => String(what))
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}
