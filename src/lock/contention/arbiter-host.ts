import type { Clock } from '../../base/clock.js'
import type { LockError } from '../../base/errors.js'
import type { Random } from '../../base/random.js'
import type { Dialect } from '../../dialect/dialect.js'
import type { Agenda } from '../agenda/agenda.js'
import type { LeakWatch } from '../handle/leak-watch.js'
import type { ServerQueue } from '../session/server-queue.js'
import type { Session } from '../session/session.js'
import type { SessionRequester } from '../session/session-requester.js'

export interface ArbiterParts {
  readonly agenda: Agenda
  readonly clock: Clock
  readonly random: Random
  readonly sender: string
  /** The name of this process in messages. */
  readonly process: string
  readonly guard: Dialect<never>['guard']
  readonly hashOf: ((keyId: string) => number) | null
}

export interface ArbiterHost {
  readonly leaks: LeakWatch | null
  readonly lastFailure: LockError | null
  readonly isListening: boolean
  readonly serverQueue: ServerQueue
  assign(entry: SessionRequester): Session | null
  unassign(entry: SessionRequester): void
  /** Whether this many more entries of the server's lock table may be used; `makeRoom` tries to find out. */
  room(entries: number): 'now' | 'later' | LockError
  makeRoom(): void
  waitBegan(): void
  waitEnded(): void
}
