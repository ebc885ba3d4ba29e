import type { Cancel, Clock } from '../base/clock.js'
import type { Turn } from '../dialect/dialect.js'
import type { FakeLockTable, Owner } from './fake-lock-table.js'

/** As in a real server: how long one waits, and how long the head of a line leaves others standing behind it. */
const WAIT_MS = 250
const LEAVE_MS = 5

interface Place {
  readonly owner: Owner
  readonly tell: (turn: Turn) => void
  cancel: Cancel
  /** It was its turn, and the key is not taken yet. */
  isLeaving: boolean
}

/** The lines in which processes wait for keys. */
export class FakeLines {
  readonly #clock: Clock
  readonly #table: FakeLockTable
  readonly #lines = new Map<string, Place[]>()

  constructor(clock: Clock, table: FakeLockTable) {
    this.#clock = clock
    this.#table = table
    table.changed = (keyId) => this.#changed(keyId)
    table.isAwaited = (keyId) => this.#lines.has(keyId)
  }

  /** `tell` is told how the wait has ended. */
  wait(owner: Owner, keyId: string, tell: (turn: Turn) => void): void {
    const line = this.#lines.get(keyId) ?? []
    const place: Place = { owner, tell, cancel: () => undefined, isLeaving: false }
    line.push(place)
    this.#lines.set(keyId, line)
    if (line.length === 1 && this.#isFree(keyId)) return this.#turnOf(keyId, place, 'free')
    place.cancel = this.#clock.after(WAIT_MS, () => {
      place.tell('late')
      this.#leave(keyId, place)
    })
  }

  /** A session has ended. */
  end(owner: Owner): void {
    for (const [keyId, line] of this.#lines)
      for (const place of line.filter((each) => each.owner === owner)) this.#leave(keyId, place)
  }

  #changed(keyId: string, turn: Turn = 'come'): void {
    const head = this.#lines.get(keyId)?.[0]
    if (head === undefined) return
    const isFree = this.#isFree(keyId)
    if (head.isLeaving && !isFree) this.#leave(keyId, head)
    else if (!head.isLeaving && isFree) this.#turnOf(keyId, head, turn)
  }

  #turnOf(keyId: string, place: Place, turn: Turn): void {
    place.cancel()
    if (turn !== 'come' && this.#table.holders(keyId).length > 0) {
      place.tell('read')
      return this.#leave(keyId, place)
    }
    place.isLeaving = true
    place.cancel = this.#clock.after(LEAVE_MS, () => this.#leave(keyId, place))
    place.tell(turn)
  }

  #leave(keyId: string, place: Place): void {
    place.cancel()
    const line = this.#lines.get(keyId)
    const at = line === undefined ? -1 : line.indexOf(place)
    if (at < 0) return
    line!.splice(at, 1)
    if (line!.length === 0) this.#lines.delete(keyId)
    else this.#changed(keyId, 'next')
  }

  #isFree(keyId: string): boolean {
    return this.#table.holders(keyId).every(({ mode }) => mode === 'shared')
  }
}
