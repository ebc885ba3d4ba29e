import type { SAID } from '../../lock-operation.js'
import { LINE_UP, LINE_UP_PLAIN, lineParameters } from './line-sql.js'
import { LINE_SUFFIX } from '../keys/lock-names.js'
import type { OwnRow } from '../connection/server-connection.js'

/** What a place in line needs of its lock session. */
export interface LineTools {
  readonly ask: (sql: string, values: readonly (string | number)[]) => Promise<OwnRow>
  /** The session begins to wait in the server, or has ended it. Meanwhile whatever else it is to say comes late. */
  readonly waits: (isWaiting: boolean) => void
}

/** The turn of one who stood in line. */
export interface Turn {
  readonly said: typeof SAID.free | typeof SAID.granted | typeof SAID.no
  /** What the server drew for the token; null if it is not ours, or there are no tokens. */
  readonly drawn: string | null
}

/** A session's place in the line for a named lock. */
export class MysqlLine {
  readonly #tools: LineTools
  readonly longestWaitMs: number

  /** MySQL rounds the time that GET_LOCK may wait to whole seconds: to none, or to more than a place in line may take. */
  constructor(countsFractions: boolean, tools: LineTools) {
    this.longestWaitMs = countsFractions ? LONGEST_MS : 0
    this.#tools = tools
  }

  async enqueue(name: string, waitMs: number, drawsToken: boolean): Promise<Turn> {
    const { ask, waits } = this.#tools
    waits(true)
    try {
      const parameters = lineParameters(name, lineOf(name), waitMs)
      const told = String((await ask(drawsToken ? LINE_UP : LINE_UP_PLAIN, parameters))[0])
      const drawn = told.slice(1)
      return { said: told.charAt(0) as Turn['said'], drawn: drawn === '' ? null : drawn }
    } finally {
      waits(false)
    }
  }
}

/** The name under which sessions stand in line for a lock. */
export function lineOf(name: string): string {
  return `${name}${LINE_SUFFIX}`
}

/** In one go. A wait that was given up by the client goes on for as long, and so does one on a network that has gone dark. */
const LONGEST_MS = 750
