import type { SAID } from '../../lock-operation.js'
import { ENQUEUE, ENQUEUE_WITHOUT_TOKEN, enqueueParameters } from './server-queue-sql.js'
import { QUEUE_SUFFIX, slotSuffix } from '../keys/lock-names.js'
import { queueStatements } from './shared-queue-sql.js'
import { suffixAt } from './shared-sql.js'
import type { LockMode } from '../../lock-key.js'
import type { OwnRow } from '../connection/server-connection.js'

/** What the queue needs from its lock session. */
export interface ServerQueueHost {
  readonly ask: (sql: string, values: readonly (string | number)[]) => Promise<OwnRow>
  /** Called when the session begins or ends a wait in the server. During a wait it can send nothing else. */
  readonly waiting: (isWaiting: boolean) => void
}

/** The result of a wait in the queue. */
export interface QueueWait {
  readonly said: typeof SAID.free | typeof SAID.granted | typeof SAID.no | typeof SAID.noRoom
  /** The name of the reader slot. Null for a lock in exclusive mode, and for a permit. */
  readonly slot: string | null
  /** What the server drew for the token. Null if the lock was not granted, or if there are no tokens. */
  readonly drawn: string | null
}

/** The waits of one session in the queue of a named lock. */
export class MysqlServerQueue {
  readonly #host: ServerQueueHost
  readonly #sharedSlots: number
  readonly longestWaitMs: number

  /** MySQL rounds the timeout of GET_LOCK to whole seconds: to none, or to more than a wait in the queue may take. */
  constructor(countsFractions: boolean, sharedSlots: number, host: ServerQueueHost) {
    this.longestWaitMs = countsFractions ? LONGEST_MS : 0
    this.#sharedSlots = sharedSlots
    this.#host = host
  }

  async enqueue(
    name: string,
    waitMs: number,
    drawsToken: boolean,
    what: LockMode | 'permit',
  ): Promise<QueueWait> {
    const { ask, waiting } = this.#host
    waiting(true)
    try {
      if (what !== 'permit' && this.#sharedSlots > 0)
        return await this.#enqueueWithSlots(name, waitMs, drawsToken, what)
      const parameters = enqueueParameters(name, queueNameOf(name), waitMs)
      const answers = String((await ask(drawsToken ? ENQUEUE : ENQUEUE_WITHOUT_TOKEN, parameters))[0])
      const drawn = answers.slice(1)
      return { said: answers.charAt(0) as QueueWait['said'], slot: null, drawn: drawn === '' ? null : drawn }
    } finally {
      waiting(false)
    }
  }

  async #enqueueWithSlots(
    name: string,
    waitMs: number,
    drawsToken: boolean,
    mode: LockMode,
  ): Promise<QueueWait> {
    const { sql, names } = queueStatements(this.#sharedSlots, drawsToken)[mode]
    const parameters = names.map((place) => {
      if (place === 't') return waitMs / 1000
      return place === 'k' ? name : name + suffixAt(place)
    })
    const [text] = await this.#host.ask(sql, parameters)
    const [said, drawn = null] = String(text).split(':')
    const slot = said!.length === 1 ? null : name + slotSuffix(Number(said!.slice(1)))
    return { said: said!.charAt(0) as QueueWait['said'], slot, drawn }
  }
}

/** The name of the queue for a lock. */
export function queueNameOf(name: string): string {
  return `${name}${QUEUE_SUFFIX}`
}

/** The longest wait. If the client gives up, or the network fails, the wait in the server goes on until its end. */
const LONGEST_MS = 750
