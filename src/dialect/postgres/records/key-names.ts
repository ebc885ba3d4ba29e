import { asciiOf } from '../../../base/printable.js'
import type { NamedKey } from '../../named-key.js'
import type { Queryable } from '../../queryable.js'
import type { AdvisoryTarget, KeyName, KeyNames, SemaphorePart } from '../../server-state.js'
import { SWEEP_KEY_NAMES, WRITE_KEY_NAMES } from './key-names-sql.js'
import { hashesOf } from '../keys/key-hash.js'
import { isNotEncodable } from '../connection/server-errors.js'
import { encodeKey, encodeSemaphore, shapesOf, SLOT_BITS, type PostgresSemaphore } from '../keys/key.js'

/**
 * A row of `lockpool.key_name`. For a semaphore, `key` is the id of its KeyCode, and `shapes` is the number just before
 * its shapes.
 */
export interface KeyNameRow {
  readonly key: string
  readonly name: string
  readonly namespace: string
  readonly shapes: string | null
}

interface SemaphoreRange {
  readonly id: string
  readonly part: SemaphorePart['part']
  readonly semaphore: KeyName
  readonly hash: number
}

/**
 * Finds the names of keys in pg_locks. It recognizes slots and shapes of a semaphore by the range of keys that they are
 * in.
 */
export class KeyNameBook implements KeyNames {
  readonly #names = new Map<string, KeyName>()
  readonly #ranges = new Map<string, SemaphoreRange>()

  constructor(rows: Iterable<KeyNameRow>) {
    for (const { key, name, namespace, shapes } of rows) {
      if (shapes === null) this.#names.set(key, { name, namespace })
      else this.#addSemaphore(key, { name, namespace }, shapes)
    }
  }

  nameOf({ id }: AdvisoryTarget): KeyName | null {
    return this.#names.get(id) ?? null
  }

  semaphoreOf({ id }: AdvisoryTarget): SemaphorePart | null {
    if (this.#ranges.size === 0 || id.startsWith('p')) return null
    const bits = BigInt(id)
    const range = this.#ranges.get(rowOf(bits))
    return range === undefined ? null : { ...range, number: Number(BigInt.asUintN(SLOT_BITS, bits)) }
  }

  #addSemaphore(id: string, semaphore: KeyName, shapes: string): void {
    const slots = BigInt(id.slice(1))
    const { hash } = hashesOf(
      Number(BigInt.asIntN(32, slots >> 32n)),
      Number(BigInt.asIntN(32, slots)),
      false,
    )
    this.#ranges.set(rowOf(slots), { id, part: 'slot', semaphore, hash })
    this.#ranges.set(rowOf(BigInt(shapes)), { id, part: 'shape', semaphore, hash })
  }
}

/** The row for a given name of a lock or a semaphore, computed without the server. */
export function keyNameRow(name: string, namespace: string, isSemaphore: boolean): KeyNameRow {
  if (!isSemaphore) return { key: encodeKey(name, namespace).id, name, namespace, shapes: null }
  const semaphore = encodeSemaphore(name, 1, namespace)
  return { key: semaphore.key.id, name, namespace, shapes: shapesOf(semaphore) }
}

export function namedRow({ code, name, namespace, semaphore }: NamedKey): KeyNameRow {
  return { key: code.id, name, namespace, shapes: semaphore && shapesOf(semaphore as PostgresSemaphore) }
}

export async function writeNames(connection: Queryable, names: readonly NamedKey[]): Promise<void> {
  const effort = { statements: MOST_STATEMENTS }
  await Promise.all([writeRows(connection, names.map(namedRow), effort), connection.query(SWEEP_KEY_NAMES)])
}

/** The maximum number of statements for finding the names that the database's encoding can't represent. */
const MOST_STATEMENTS = 32

/**
 * Writes rows. A name that the database can't represent is written in ASCII. One such name makes the whole statement
 * fail, so the rows are split to find it.
 */
async function writeRows(
  connection: Queryable,
  rows: readonly KeyNameRow[],
  effort: { statements: number },
): Promise<void> {
  effort.statements--
  try {
    await connection.query(WRITE_KEY_NAMES, columnsOf(rows))
  } catch (error) {
    if (!isNotEncodable(error)) throw error
    if (rows.length === 1 || effort.statements <= 0) {
      const spelled = rows.map((row) => ({
        ...row,
        name: asciiOf(row.name),
        namespace: asciiOf(row.namespace),
      }))
      await connection.query(WRITE_KEY_NAMES, columnsOf(spelled))
      return
    }
    const half = rows.length >> 1
    await writeRows(connection, rows.slice(0, half), effort)
    await writeRows(connection, rows.slice(half), effort)
  }
}

function columnsOf(rows: readonly KeyNameRow[]): unknown[] {
  return (['key', 'name', 'namespace', 'shapes'] as const).map((name) => rows.map((row) => row[name] ?? ''))
}

/** The range of keys that it is in. */
function rowOf(bits: bigint): string {
  return String(bits >> BigInt(SLOT_BITS))
}
