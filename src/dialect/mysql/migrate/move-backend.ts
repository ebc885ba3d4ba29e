import { sleep, type Clock } from '../../../base/clock.js'
import { Deferred } from '../../../base/deferred.js'
import { ConnectionError } from '../../../base/errors.js'
import { onAbort } from '../../../base/on-abort.js'
import { errorNumber, NO_SUCH_TABLE } from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { BEGIN, COMMIT, ROLLBACK } from '../connection/transaction-sql.js'
import { Fence } from '../fencing/fence.js'
import { CREATE_BACKEND, MOVING_FROM, READ_BACKEND } from '../records/backend-sql.js'
import { checkDatabase, readServer, type ReadServer } from '../session/read-server.js'
import { makeRowsOn } from '../table/schema.js'
import { BackendUsers } from './backend-users.js'
import { LOOK_EVERY_MS, type MoveTerms, type MoveResult, type MovePorts } from '../../backend-move.js'
import {
  BEGIN_FIRST_MOVE,
  BEGIN_MOVE,
  CEILING,
  CHECK_MOVE,
  END_MOVE,
  GREATEST_OF_ROWS,
  RAISE_FLOOR,
  RAISE_ROWS,
  REMOVE_RECORD,
  RESTORE_RECORD,
  TAKE_MOVE_LOCK,
} from './move-backend-sql.js'

type Kind = 'named' | 'table'

export interface Move extends MoveTerms<Kind> {
  /** The database of the connection, in the spelling of the user. */
  readonly database: string | null
}

export type Moved = MoveResult<Kind>
type Ports = MovePorts<ServerConnection>

/** How many checks in a row must find no user: a session may be between its name and its claim. */
const QUIET_LOOKS = 3

/** A cluster may refuse a commit that conflicts with one on another node. */
const COMMIT_TRIES = 5

/**
 * Moves the locks of a namespace to another backend. First it keeps new sessions and members from starting. Then it
 * waits until none are left. Then one transaction moves the tokens, so that later tokens are larger than all earlier
 * ones, and allows the other backend.
 *
 * The session holds a named lock for as long as the move lasts. So however its process ends, others know that it is
 * gone, and put the record back.
 */
export async function moveBackend(server: ServerConnection, move: Move, ports: Ports): Promise<Moved> {
  const facts = await readServer(server)
  checkSuitable(facts, move)
  await server.say(CREATE_BACKEND)
  if (move.to === 'table') await makeRowsOn(server)
  return new BackendMove(server, facts, move, ports).run()
}

function checkSuitable(facts: ReadServer, { to, database }: Move): void {
  const refuse = (why: string): never => {
    throw new ConnectionError(why, { retryable: false })
  }
  if (facts.database === null) refuse('the URL names no database')
  checkDatabase(database, facts.foldsNames)
  if (facts.group !== null) refuse('this server is in a replication group, where no backend is offered')
  if (facts.unsuitable !== null) refuse(facts.unsuitable)
  if (!facts.isOwnSession)
    refuse('something between this process and the server shares sessions: connect to the server itself')
  if (facts.isCluster && to === 'named')
    refuse('named locks have no effect on the other nodes of a Galera cluster')
}

interface BackendRecord {
  readonly backend: string
  readonly usedBy: string
  readonly since: string
  readonly tokenOffset: bigint
}

class BackendMove {
  readonly #server: ServerConnection
  readonly #facts: ReadServer
  readonly #move: Move
  readonly #ports: Ports

  constructor(server: ServerConnection, facts: ReadServer, move: Move, ports: Ports) {
    this.#server = server
    this.#facts = facts
    this.#move = move
    this.#ports = ports
  }

  async run(): Promise<Moved> {
    const { by } = this.#move
    const before = await this.#read(this.#server)
    if (!(await this.#isAlone())) return { isMoved: false, inTheWay: moverIn(await this.#read(this.#server)) }
    const record = await this.#begin()
    const previous = record.backend.slice(MOVING_FROM.length)
    const from = kindOf(previous)
    try {
      const inTheWay = from === this.#move.to ? null : await this.#untilQuiet(from)
      if (inTheWay === null && from !== this.#move.to) {
        await this.#end(record)
        return { isMoved: true, from }
      }
      await this.#putBack(before, previous)
      if (inTheWay === null) return { isMoved: true, from }
      return { isMoved: false, inTheWay: inTheWay === 'aborted' ? null : inTheWay.join(', ') }
    } catch (error) {
      const now = await this.#putBack(before, previous)
      // The server has committed, and only its answer was lost.
      if (now?.usedBy === by && kindOf(now.backend) === this.#move.to) return { isMoved: true, from }
      throw error
    }
  }

  /** In a cluster a named lock is local to its node. There the only move is to rows, and no session can be in its way. */
  async #isAlone(): Promise<boolean> {
    if (this.#facts.isCluster) return true
    return Number((await this.#server.say(TAKE_MOVE_LOCK, [this.#move.namespace]))[0]![0]) === 1
  }

  /** Keeps pools from starting. Returns the record, which names the previous backend. */
  async #begin(): Promise<BackendRecord> {
    const { namespace, by } = this.#move
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- until one of them finds what it needs
      const done =
        (await this.#server.change(BEGIN_MOVE, [by, namespace])) > 0 ||
        (await this.#server.change(BEGIN_FIRST_MOVE, [namespace, by])) > 0
      // oxlint-disable-next-line no-await-in-loop -- the same
      const record = done ? await this.#read(this.#server) : null
      if (record?.usedBy === by) return record
    }
  }

  /** Null when no user is left, and otherwise the users that are left at the end. */
  async #untilQuiet(from: Kind | null): Promise<readonly string[] | 'aborted' | null> {
    const { clock, signal } = this.#ports
    const users = new BackendUsers(this.#server, this.#move.namespace, clock)
    const until = clock.now() + this.#move.timeoutMs
    for (let quiet = 0; ;) {
      if (signal.aborted) return 'aborted'
      // oxlint-disable-next-line no-await-in-loop -- looks again and again
      const found = await users.look(from)
      quiet = found.length === 0 ? quiet + 1 : 0
      if (quiet === QUIET_LOOKS) return null
      if (clock.now() >= until && found.length > 0) return found
      // oxlint-disable-next-line no-await-in-loop -- the pause
      await pause(clock, LOOK_EVERY_MS, signal)
    }
  }

  async #end(record: BackendRecord): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- again only if the server has undone it
        return await this.#tryEnd(record)
      } catch (error) {
        // oxlint-disable-next-line no-await-in-loop -- the transaction may be open
        await this.#server.say(ROLLBACK).catch(() => undefined)
        const number = errorNumber(error)
        if (tries === COMMIT_TRIES || number === undefined || !UNDONE.has(number)) throw error
      }
    }
  }

  async #tryEnd({ tokenOffset }: BackendRecord): Promise<void> {
    const { namespace, to, by } = this.#move
    // Makes the tables for tokens, which a transaction must not do.
    const fence = to === 'named' ? await Fence.find(this.#server, this.#facts.identity, '0') : null
    await this.#server.say(BEGIN)
    if ((await this.#server.say(CHECK_MOVE, [namespace, by])).length === 0) throw taken()
    const offset =
      fence === null ? await this.#tokensToRows(tokenOffset) : await this.#tokensToNames(fence, tokenOffset)
    if ((await this.#server.change(END_MOVE, [to, String(offset), namespace, by])) !== 1) throw taken()
    await this.#server.say(COMMIT)
  }

  /** Rows begin above every token that named locks of the namespace have had. */
  async #tokensToRows(tokenOffset: bigint): Promise<bigint> {
    const ceiling = await this.#number(CEILING)
    const least = ceiling + tokenOffset
    await this.#server.change(RAISE_FLOOR, [String(least)])
    await this.#server.change(RAISE_ROWS, [String(least), String(least)])
    return tokenOffset
  }

  /** Named locks of the namespace begin above every token that rows have had. Those of other namespaces go on unchanged. */
  async #tokensToNames(fence: Fence, tokenOffset: bigint): Promise<bigint> {
    const needed = (await this.#number(GREATEST_OF_ROWS)) - fence.origin
    return needed > tokenOffset ? needed : tokenOffset
  }

  /** Zero if the table is missing: then no token was given there. */
  async #number(sql: string): Promise<bigint> {
    try {
      return BigInt((await this.#server.say(sql))[0]?.[0] ?? 0)
    } catch (error) {
      if (errorNumber(error) === NO_SUCH_TABLE) return 0n
      throw error
    }
  }

  /** Restores the record, if it is still that of this move. Returns the record as it was before, if it can be read. */
  async #putBack(before: BackendRecord | null, previous: string): Promise<BackendRecord | null> {
    const { namespace, by } = this.#move
    let server = this.#server
    try {
      if (server.hasEnded) server = await this.#ports.reopen()
      const now = await this.#read(server)
      if (previous === 'none') await server.change(REMOVE_RECORD, [namespace, by])
      else {
        const known = before?.backend === previous ? before : null
        await server.change(RESTORE_RECORD, [
          previous,
          known?.usedBy ?? by,
          known?.since ?? null,
          namespace,
          by,
        ])
      }
      return now
    } catch {
      // The caller has a better error. Pools see that the process of the move is gone.
      return null
    } finally {
      if (server !== this.#server) await server.close().catch(() => undefined)
    }
  }

  async #read(server: ServerConnection): Promise<BackendRecord | null> {
    const [row] = await server.say(READ_BACKEND, [this.#move.namespace])
    if (row === undefined) return null
    const [backend, usedBy, since, tokenOffset] = row.map(String) as [string, string, string, string]
    return { backend, usedBy, since, tokenOffset: BigInt(tokenOffset) }
  }
}

/** A deadlock or a lost conflict in a cluster, a row lock that took too long, a row that has changed. */
const UNDONE: ReadonlySet<number> = new Set([1213, 1205, 1020])

function kindOf(backend: string): Kind | null {
  const [kind] = backend.split('/')
  return kind === 'named' || kind === 'table' ? kind : null
}

function taken(): ConnectionError {
  return new ConnectionError(
    'the record of the namespace has changed meanwhile: another process has undone the move',
  )
}

function moverIn(record: BackendRecord | null): string {
  return record?.backend.startsWith(MOVING_FROM) === true
    ? `${record.usedBy}, which moves the namespace since ${record.since}`
    : 'another process, which has just moved the namespace'
}

async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  const aborted = new Deferred<void>()
  const unsubscribe = onAbort(signal, () => aborted.resolve())
  await Promise.race([sleep(clock, ms), aborted.promise])
  unsubscribe()
}
