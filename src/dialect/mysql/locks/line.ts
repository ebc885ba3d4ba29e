import type { SAID } from '../../lock-operation.js'
import { LINE_UP, LINE_UP_PLAIN, lineParameters } from './line-sql.js'
import { LINE_SUFFIX } from '../keys/lock-names.js'
import type { OwnRow } from '../connection/server-connection.js'

/** What the queue needs from its lock session. */
export interface LineTools {
  readonly ask: (sql: string, values: readonly (string | number)[]) => Promise<OwnRow>
  /** Called when the session begins or ends a wait in the server. During a wait it can send nothing else. */
  readonly waits: (isWaiting: boolean) => void
}

/** The result of a wait in the queue. */
export interface Turn {
  readonly said: typeof SAID.free | typeof SAID.granted | typeof SAID.no
  /** What the server drew for the token. Null if the lock was not granted, or if there are no tokens. */
  readonly drawn: string | null
}

/** The waits of one session in the queue of a named lock. */
export class MysqlLine {
  readonly #tools: LineTools
  readonly longestWaitMs: number

  /** MySQL rounds the timeout of GET_LOCK to whole seconds: to none, or to more than a wait in the queue may take. */
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

/** The name of the queue for a lock. */
export function lineOf(name: string): string {
  return `${name}${LINE_SUFFIX}`
}

/** The longest wait. If the client gives up, or the network fails, the wait in the server goes on until its end. */
const LONGEST_MS = 750
