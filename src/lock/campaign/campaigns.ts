import type { Dialect } from '../../dialect/dialect.js'
import type { LeaderInfo } from '../../dialect/leader.js'
import type { KeyCode, LockKey } from '../../dialect/lock-key.js'
import { PoolClosedError } from '../../base/errors.js'
import type { ConnectOptions } from '../../pool/connect-request.js'
import type { Engine } from '../engine.js'
import type { Lock } from '../handle/lock.js'
import type { CampaignOptions } from './campaign-options.js'
import { Campaign } from './campaign.js'
import { LeaderBoard } from './leader-board.js'

/** The campaigns of one pool: their ties to its parts, and their end with it. */
export class Campaigns<C extends object> {
  readonly #engine: Engine<C>
  readonly #board: LeaderBoard<C>
  readonly #running = new Set<Campaign>()

  constructor(engine: Engine<C>, dialect: Dialect<C>, isAlone: boolean) {
    const { connections, clock, random } = engine
    const warn = engine.warn.bind(engine)
    this.#engine = engine
    this.#board = new LeaderBoard({ connections, dialect, clock, random, warn }, isAlone)
  }

  begin(code: KeyCode, label: LockKey, options: CampaignOptions): Campaign {
    const engine = this.#engine
    const { clock, random, events } = engine
    const campaign = new Campaign(label, options.name ?? engine.process, options, {
      clock,
      random,
      events,
      acquire: (signal) => this.#acquire(code, label, signal, options.name ?? null),
      announce: (lock, name, term) => this.#announce(code, lock, name, term),
      leader: (how) => this.leader(code, how),
      warn: engine.warn.bind(engine),
    })
    this.#running.add(campaign)
    void campaign.ended.then(() => this.#running.delete(campaign))
    return campaign
  }

  leader(code: KeyCode, options: ConnectOptions): Promise<LeaderInfo | null> {
    return this.#board.read(code, options)
  }

  /** Ends all campaigns. A leader hands over, if its work stops in time. */
  close(graceMs: number): void {
    for (const campaign of this.#running) campaign.end(new PoolClosedError(), graceMs)
  }

  /** Runs outside of all frames, because a campaign that is started inside a body outlives it. */
  #acquire(code: KeyCode, label: LockKey, signal: AbortSignal, purpose: string | null): Promise<Lock> {
    // While the server is unavailable a campaign rests, and reports it.
    const waiting = { waitPolicy: 'wait', timeoutMs: Infinity, waitsWhileDown: false } as const
    const request = { mode: 'exclusive', ...waiting, signal, frame: null, purpose, isStandby: true } as const
    return this.#engine.keys.acquire(code, label, request) as Promise<Lock>
  }

  #announce(key: KeyCode, lock: Lock, name: string, term: AbortSignal): Promise<void> {
    const session = this.#engine.keys.find(key.id)?.session?.link.serverId
    // The term is lost already: the next leader writes its own record.
    if (session === undefined || !lock.isHeld) return Promise.resolve()
    const hasToken = lock.tokenText !== null
    return this.#board.write(hasToken ? { key, name, token: lock.token, session } : null, term)
  }
}
