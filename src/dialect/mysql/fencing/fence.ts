import { ConnectionError } from '../../../base/errors.js'
import { TOKEN_STEP } from '../../lock-operation.js'
import {
  CREATE_FENCE,
  CREATE_GUARD,
  CREATE_LEADER,
  CREATE_RUN,
  ENTER_RUN,
  HEADROOM,
  INSERT_FENCE,
  LEAVE_RUN,
  LIFT_CEILING,
  RAISE_FENCE,
  READ_CEILING,
  READ_RUN,
  WRITE_RUN,
} from './fence-sql.js'
import { CREATE_KEY_NAME } from '../inspect/inspect-sql.js'
import { errorNumber, NO_SUCH_TABLE } from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'

const STEP = BigInt(TOKEN_STEP)

/** The base of all tokens of one run of the server. */
interface Run {
  readonly origin: bigint
  readonly base: bigint
}

/**
 * The source of fencing tokens. While the server runs, UUID_SHORT() counts up across all sessions, at no cost; after a
 * restart it begins again from the clock. MariaDB's sequences go back after a crash. So each run of a server has an
 * origin above all earlier tokens: a row that is on disk before the run draws its first token. A table in memory shows
 * whether this run has an origin.
 */
export class Fence {
  readonly #server: ServerConnection
  readonly #run: Run
  readonly #offset: bigint
  #ceiling: bigint
  #isLifting = false

  private constructor(server: ServerConnection, run: Run, offset: bigint) {
    this.#server = server
    this.#offset = offset
    this.#run = run
    this.#ceiling = run.origin + HEADROOM
  }

  /**
   * Finds or begins the run. `identity` identifies the server, `seen` is a token that this process has received, and
   * `offset` is added to all tokens of the namespace, which were greater when its locks were rows.
   *
   * @throws the error of the server if the tables are missing and may not be created
   */
  static async find(
    server: ServerConnection,
    identity: string,
    seen: string,
    offset: bigint = 0n,
  ): Promise<Fence> {
    const own = BigInt(seen) - offset
    const least = own > 0n ? own : 0n
    const run = (await readRun(server, identity)) ?? (await beginRun(server, identity, String(least)))
    return new Fence(server, run, offset)
  }

  /** All tokens of this run are greater. */
  get origin(): bigint {
    return this.#run.origin
  }

  /** Converts an answer of UUID_SHORT() to a token in decimal digits. */
  token(drawn: string): string {
    const { origin, base } = this.#run
    const places = BigInt(drawn) - base
    if (places <= 0n) throw new ConnectionError('the fencing tokens of the server have gone back')
    const token = origin + places * STEP
    if (token > this.#ceiling - HEADROOM / 2n) this.#lift(token)
    return String(token + this.#offset)
  }

  /** Raises the ceiling long before it is reached, so that no caller waits for it. */
  #lift(token: bigint): void {
    if (this.#isLifting) return
    this.#isLifting = true
    this.#server.say(LIFT_CEILING, [String(token)]).then(
      () => {
        this.#ceiling = token + HEADROOM
        this.#isLifting = false
      },
      () => (this.#isLifting = false),
    )
  }
}

async function readRun(server: ServerConnection, identity: string): Promise<Run | null> {
  try {
    const row = (await server.say(READ_RUN))[0]
    if (row === undefined || row[0] !== identity) return null
    return { origin: BigInt(row[1]!), base: BigInt(row[2]!) }
  } catch (error) {
    if (errorNumber(error) === NO_SUCH_TABLE) return null
    throw error
  }
}

/** Begins a run. One session does it at a time, and later ones find its row. */
async function beginRun(server: ServerConnection, identity: string, seen: string): Promise<Run> {
  const isAlone = Number((await server.say(ENTER_RUN))[0]![0]) === 1
  if (!isAlone)
    throw new ConnectionError('another session took too long to set up the tables of fencing tokens')
  try {
    const begun = await readRun(server, identity)
    if (begun !== null) return begun
    await makeTables(server)
    await server.say(RAISE_FENCE, [seen])
    const [ceiling, base] = (await server.say(READ_CEILING))[0] as readonly [string, string]
    const origin = BigInt(ceiling) - HEADROOM
    await server.say(WRITE_RUN, [identity, String(origin), base])
    return { origin, base: BigInt(base) }
  } finally {
    await server.say(LEAVE_RUN)
  }
}

/** Creates the tables only if they are missing: a user that may write them need not be allowed to create them. */
async function makeTables(server: ServerConnection): Promise<void> {
  try {
    await server.say(INSERT_FENCE)
    await server.say(READ_RUN)
  } catch (error) {
    if (errorNumber(error) !== NO_SUCH_TABLE) throw error
    await server.say(CREATE_FENCE)
    await server.say(CREATE_RUN)
    await server.say(CREATE_GUARD)
    await server.say(CREATE_LEADER)
    await server.say(CREATE_KEY_NAME)
    await server.say(INSERT_FENCE)
  }
}
