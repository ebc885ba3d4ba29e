import { names, isFree, STEP, type LeaseRow } from '../../../src/dialect/rows/row-change.js'
import { listOf } from '../../../src/dialect/postgres/distributed/stored-row.js'
import { RowServer } from './row-server.js'

type Values = readonly unknown[]
type Row = Readonly<Record<string, unknown>>

/**
 * The tables of engine `distributed` in memory. Each statement does what its SQL says, at one moment. They are in the maps
 * of a `RowServer`, where the rest of the simulation finds them.
 */
export class DistTables extends RowServer {
  readonly #versions = new Map<string, bigint>()
  readonly #gates = new Map<number, { epoch: bigint; floor: bigint }>()
  #least = 0n

  /** Runs the statement with this name. */
  run(name: string, values: Values): Row[] {
    const statement = this.#statements[name]
    if (statement === undefined) throw new Error(`the simulation has no statement ${name}`)
    return statement(values) as Row[]
  }

  readonly #statements: Readonly<Record<string, (values: Values) => unknown[]>> = {
    lockpool_dist_member: ([id, leaseMs, , name]) => {
      this.members.set(Number(id), {
        ...{
          leaseMs: Number(leaseMs),
          name: String(name),
          secret: '',
          floor: 0n,
          beat: 0,
          epoch: 0n,
          dead: false,
        },
      })
      return []
    },
    lockpool_dist_open_gate: ([id]) => {
      this.#gates.set(Number(id), { epoch: 0n, floor: this.#least })
      return [{ floor: String(this.#least) }]
    },
    lockpool_dist_beat: ([id]) => {
      const member = this.members.get(Number(id))
      return member === undefined || member.dead ? [] : [{ beat: String(++member.beat) }]
    },
    lockpool_dist_others: ([id]) =>
      [...this.members].flatMap(([other, { beat, leaseMs, dead }]) =>
        other === Number(id)
          ? []
          : [{ id: String(other), beat: String(beat), lease_ms: String(leaseMs), dead }],
      ),
    lockpool_dist_look: ([id]) => {
      const member = this.members.get(Number(id))
      const gate = this.#gates.get(Number(id))
      return member === undefined || gate === undefined
        ? []
        : [{ epoch: String(gate.epoch), dead: member.dead }]
    },
    lockpool_dist_raise_epoch: ([id, epoch]) => {
      const gate = this.#gates.get(Number(id))
      if (gate !== undefined && gate.epoch < BigInt(String(epoch))) gate.epoch = BigInt(String(epoch))
      return []
    },
    lockpool_dist_close_gate: ([id]) => {
      const gate = this.#gates.get(Number(id))
      return gate === undefined ? [] : [{ epoch: String(++gate.epoch) }]
    },
    lockpool_dist_abandon: ([id]) => {
      const member = this.members.get(Number(id))
      if (member === undefined || member.dead) return []
      member.dead = true
      return [{ id }]
    },
    lockpool_dist_bury: ([id, beat]) => (this.bury(Number(id), String(beat)) ? [{ id }] : []),
    lockpool_dist_remove_gate: ([id]) => (this.#gates.delete(Number(id)), []),
    lockpool_dist_remove_member: ([id]) => (this.members.delete(Number(id)), []),
    lockpool_dist_names: ([ids]) =>
      (ids as string[]).flatMap((id) => {
        const member = this.members.get(Number(id))
        return member === undefined || member.dead ? [] : [{ id, name: member.name }]
      }),
    lockpool_dist_gate: (values) => {
      const floor = this.#pass(values)
      return floor === null ? [] : [{ floor: String(floor) }]
    },
    lockpool_dist_read: (values) => {
      const floor = this.#pass(values)
      if (floor === null) return []
      const rows = this.#found(values[2] as string[]).map((row) => ({ ...row, floor: String(floor) }))
      return rows.length > 0 ? rows : [{ floor: String(floor), key: null }]
    },
    lockpool_dist_write: (values) => {
      const floor = this.#pass(values)
      if (floor === null) return []
      return this.#write(values.slice(2)).map((key) => ({ key, floor: String(floor) }))
    },
    lockpool_dist_sweep: (values) => this.#write(values).map((key) => ({ key })),
    lockpool_dist_make: (values) => {
      const floor = this.#pass(values)
      if (floor === null) return []
      const [, , keys, owners, readers, waiters] = values as [never, never, ...string[][]]
      return (keys as string[]).flatMap((key, i) => {
        if (this.leases.has(key)) return []
        const token = floor + STEP
        this.#put(key, token, row(owners![i]!, readers![i]!, waiters![i]!, String(token)))
        return [{ key, token: String(token) }]
      })
    },
    lockpool_dist_rows: ([keys]) => this.#found(keys as string[]),
    lockpool_dist_naming: ([id]) =>
      this.#found([...this.leases].filter(([, each]) => names(each, Number(id))).map(([key]) => key)),
    lockpool_dist_between: ([from, to]) => {
      const isBetween = (key: string): boolean =>
        BigInt(key) > BigInt(String(from)) && BigInt(key) < BigInt(String(to))
      const keys = [...this.leases].filter(([key, each]) => isBetween(key) && each.readers.length > 0)
      return this.#found(keys.map(([key]) => key))
    },
    lockpool_dist_free: ([atMost]) => {
      const free = this.#free().slice(0, Number(atMost))
      const version = free.reduce((most, key) => {
        const each = this.#versions.get(key)!
        return each > most ? each : most
      }, 0n)
      return [{ count: String(free.length), version: free.length === 0 ? null : String(version) }]
    },
    lockpool_dist_free_keys: ([floor, atMost]) =>
      this.#free()
        .filter((key) => this.#versions.get(key)! <= BigInt(String(floor)))
        .slice(0, Number(atMost))
        .map((key) => ({ key })),
    lockpool_dist_remove_rows: ([keys, floor]) => {
      const free = new Set(this.#free())
      for (const key of keys as string[]) {
        if (!free.has(key) || this.#versions.get(key)! > BigInt(String(floor))) continue
        this.leases.delete(key)
        this.#versions.delete(key)
      }
      return []
    },
    lockpool_dist_raise_floor: ([least]) => {
      const next = this.#least + 1n
      this.#least = BigInt(String(least)) > next ? BigInt(String(least)) : next
      return [{ floor: String(this.#least) }]
    },
    lockpool_dist_gates: ([floor]) =>
      [...this.#gates].flatMap(([id, gate]) =>
        gate.floor < BigInt(String(floor)) ? [{ id: String(id) }] : [],
      ),
    lockpool_dist_gate_floor: ([id, floor]) => {
      const gate = this.#gates.get(Number(id))
      if (gate !== undefined && gate.floor < BigInt(String(floor))) gate.floor = BigInt(String(floor))
      return []
    },
  }

  #pass([id, epoch]: Values): bigint | null {
    const gate = this.#gates.get(Number(id))
    return gate === undefined || gate.epoch !== BigInt(String(epoch)) ? null : gate.floor
  }

  #write(values: Values): string[] {
    const [keys, versions, next, owners, tokens, readers, waiters] = values as string[][]
    return keys!.filter((key, i) => {
      if (this.#versions.get(key) !== BigInt(versions![i]!)) return false
      this.#put(key, BigInt(next![i]!), row(owners![i]!, readers![i]!, waiters![i]!, tokens![i]!))
      return true
    })
  }

  #put(key: string, version: bigint, lease: LeaseRow): void {
    this.leases.set(key, lease)
    this.#versions.set(key, version)
  }

  #found(keys: readonly string[]): Row[] {
    return keys.flatMap((key) => {
      const lease = this.leases.get(key)
      if (lease === undefined) return []
      const { owner, readers, waiters, token } = lease
      const lists = { readers: listOf(readers), waiters: listOf(waiters) }
      return [
        {
          key,
          version: String(this.#versions.get(key)!),
          owner: String(owner ?? 0),
          ...lists,
          token: String(token),
        },
      ]
    })
  }

  #free(): string[] {
    return [...this.leases].flatMap(([key, each]) => (isFree(each) ? [key] : []))
  }
}

function row(owner: string, readers: string, waiters: string, token: string): LeaseRow {
  const list = (text: string): number[] => (text === '' ? [] : text.trim().split(' ').map(Number))
  return {
    owner: owner === '0' ? null : Number(owner),
    readers: list(readers),
    waiters: list(waiters),
    token: BigInt(token),
  }
}
