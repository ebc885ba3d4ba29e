import { SqlError } from '../messages/sql-error.js'
import type { Statement } from '../sql/statement.js'
import type { Bound } from './bound.js'

/** A statement that Parse has read, or null for an empty one. */
export interface Prepared {
  readonly name: string
  readonly statement: Statement | null
  /** The types that the client has declared; 0 for others. */
  readonly declared: readonly number[]
  /** The types of its parameters; null if only the upstream knows a type, and was not asked yet. */
  types: readonly (number | null)[]
}

/** A statement with values. */
export interface Portal {
  readonly name: string
  readonly prepared: Prepared
  readonly bound: Bound
  /** Whether it has run: then it has no more rows. */
  hasRun: boolean
}

/** The limit for statements and for portals. No driver keeps more. */
const MAX_PREPARED = 10_000

/** The prepared statements of one client. The maps are created with the first entry. */
export class PreparedStatements {
  #statements: Map<string, Prepared> | null = null
  #portals: Map<string, Portal> | null = null

  /** @throws {SqlError} 42P05 for a name that is taken */
  add(prepared: Prepared): void {
    this.#statements ??= new Map()
    if (prepared.name !== '' && this.#statements.has(prepared.name))
      throw new SqlError('42P05', `prepared statement "${prepared.name}" already exists`)
    if (this.#statements.size >= MAX_PREPARED)
      throw new SqlError('53400', `more than ${MAX_PREPARED} prepared statements in one session`)
    this.#statements.set(prepared.name, prepared)
  }

  /** @throws {SqlError} 26000 */
  statement(name: string): Prepared {
    const prepared = this.#statements?.get(name)
    if (prepared !== undefined) return prepared
    if (name === '') throw new SqlError('26000', 'unnamed prepared statement does not exist')
    throw new SqlError('26000', `prepared statement "${name}" does not exist`)
  }

  /** False if there is no statement of that name. */
  remove(name: string): boolean {
    return this.#statements?.delete(name) ?? false
  }

  removeAll(): void {
    this.#statements = null
  }

  /** @throws {SqlError} 42P03 for a name that is taken */
  addPortal(portal: Portal): void {
    this.#portals ??= new Map()
    if (portal.name !== '' && this.#portals.has(portal.name))
      throw new SqlError('42P03', `cursor "${portal.name}" already exists`)
    if (this.#portals.size >= MAX_PREPARED)
      throw new SqlError('53400', `more than ${MAX_PREPARED} portals in one session`)
    this.#portals.set(portal.name, portal)
  }

  /** @throws {SqlError} 34000 */
  portal(name: string): Portal {
    const portal = this.#portals?.get(name)
    if (portal === undefined) throw new SqlError('34000', `portal "${name}" does not exist`)
    return portal
  }

  /** Null if there is no portal of that name. */
  removePortal(name: string): Portal | null {
    const portal = this.#portals?.get(name) ?? null
    this.#portals?.delete(name)
    return portal
  }

  /** Portals end with their transaction. */
  endPortals(): void {
    this.#portals = null
  }
}
