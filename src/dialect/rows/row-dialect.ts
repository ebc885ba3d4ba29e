import { ConnectionError, type LockError } from '../../base/errors.js'
import type { Random } from '../../base/random.js'
import type { Capabilities } from '../capabilities.js'
import type { Borrow, LinkSettings, LockLink } from '../dialect.js'
import type { Joined, Joining } from './joining.js'
import { RowLink } from './link.js'
import { drawMemberId } from './member-id.js'
import { Waits } from './waits.js'

/** The capabilities of rows with leases. The gaps differ by what processes are notified of. */
export function rowCapabilities(gaps: { readonly messages: string; readonly notify: string }): Capabilities {
  return {
    gaps: {
      conversion: 'a row records each holder in one mode, with the token for that mode',
      'server queue': 'the row of the lock has the waiters in order',
      ...gaps,
      'lock table': 'only the disk limits the number of rows',
      'hold records': 'a lock is free only when the lease of its holder is over, so no hold record is needed',
      'ends with the connection':
        'connections are borrowed for a statement: only the end of the lease tells that a process is gone',
    },
    renewedBy: 'heartbeat',
    tokens: 'per operation',
    passesTo: 'first waiter',
    leaseGranularityMs: 1,
    sessions: 2,
  }
}

export interface RowDialectOptions {
  /** The name of the process for people. */
  readonly by: string
  readonly namespace: string
  readonly random: Random
}

/** The part of rows with leases that all databases share. */
export abstract class RowDialect<Connection, Options extends RowDialectOptions = RowDialectOptions> {
  protected readonly options: Options
  protected readonly waits: Waits = new Waits()

  constructor(options: Options) {
    this.options = options
  }

  async join(
    borrow: Borrow<Connection>,
    settings: LinkSettings,
    ended: (cause: Error) => void,
    signal: AbortSignal,
  ): Promise<LockLink> {
    const { by, namespace, random } = this.options
    const id = drawMemberId(random)
    try {
      const joining = { id, name: by, namespace, settings, ended, signal }
      const { member, facts } = await this.makeMember(borrow, joining)
      this.waits.dead = () => member.dead
      void this.waits.unreported.abandonWith(member)
      return new RowLink(member, this.waits, facts)
    } catch (error) {
      throw this.explain(error)
    }
  }

  attach(): Promise<LockLink> {
    return Promise.reject(
      new ConnectionError('rows with leases belong to no connection', { retryable: false }),
    )
  }

  /** Reports are found by the number of a server session, and a member has none. */
  writeReports(): Promise<void> {
    return Promise.resolve()
  }

  protected abstract makeMember(borrow: Borrow<Connection>, joining: Joining): Promise<Joined>

  abstract explain(error: unknown): LockError
}
