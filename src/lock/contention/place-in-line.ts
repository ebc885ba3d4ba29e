import type { Clock } from '../../base/clock.js'
import type { KeyCode } from '../../dialect/lock-key.js'
import type { Turn } from '../../dialect/dialect.js'
import type { OperationKind } from '../../dialect/lock-operation.js'

/** The line of this process: it has one connection to wait with. */
export interface Line {
  /** Whether an entry can wait in it now, or behind others of this process that do. It is asleep already, or would be. */
  mayLineUp(isAsleep: boolean): boolean
  /** One more of those asleep would rather stand in line than hear the bell, or one less. */
  impatient(by: 1 | -1): void
  /** Never rejects. `isWanted` is asked when the wait begins, which may be later. */
  lineUp(key: KeyCode, isWanted: () => boolean): Promise<Turn>
}

export interface LineHost {
  readonly clock: Clock
  readonly line: Line
}

/** How often readers may have the key when our turn comes, before nobody stands in line for a while. */
const VAIN = 3

/** How long nobody stands in line then: readers may have the key again and again, or a stranger be in the way. */
const REST_MS = 5000

/** So many turns in a row that were had at once: nobody else wants it any more. */
const ALONE = 3

/** Whoever had to wait in line stands in line again at once, for so long: it is known that others want the key. */
const BUSY_MS = 2000

/**
 * Who had it soon after a wait for another process is likely to wait for it again, and not for long: then it is worth a
 * place in line. One that is held for long is better listened for.
 */
const QUICK_MS = 2000

/** Whether a wait that ended with this attempt, after so long, was one of those. */
export function wasQuick(kind: OperationKind, waitedMs: number): boolean {
  return (kind === 'retry' || kind === 'poll') && waitedMs < QUICK_MS
}

/**
 * How a process waits in line for a key at the server, where it has a connection to wait with. The server wakes the one
 * whose turn it is, and nobody else, in the order in which they came. It decides who tries when, never who holds the lock.
 */
export class PlaceInLine {
  readonly #host: LineHost
  readonly #maxLate: number
  readonly #told: (hasCome: boolean) => void
  /** The wait that is under way. */
  #wait: object | null = null
  #turn: Turn | null = null
  #isVain = false
  #inVain = 0
  #late = 0
  /** Turns that were had at once, in a row. */
  #free = 0
  #restsUntil = 0
  #busyUntil = 0

  /** `told` is called when the turn has come, or when the place is lost; when that happens too often, nobody lines up for a while. */
  constructor(host: LineHost, maxLate: number, told: (hasCome: boolean) => void) {
    this.#host = host
    this.#maxLate = maxLate
    this.#told = told
  }

  /** It is our turn. */
  get hasCome(): boolean {
    return this.#turn !== null
  }

  /** Others wanted it a moment ago, and it has not been in vain to wait in line for it. */
  isBusy(now: number): boolean {
    return now < this.#busyUntil && !this.#isVain && now >= this.#restsUntil
  }

  /** Others have been found to want it now. */
  seen(now: number): void {
    this.#busyUntil = now + BUSY_MS
  }

  /** Nobody here waits any more. */
  end(): void {
    this.#isVain = false
  }

  lineUp(key: KeyCode): void {
    const wait = (this.#wait = {})
    this.#turn = null
    const isWanted = (): boolean => this.#wait === wait
    void this.#host.line.lineUp(key, isWanted).then((turn) => {
      if (isWanted()) this.#ended(turn)
    })
  }

  /** It is waited for no longer. What the server still does for it is heard by nobody. */
  stepOut(): void {
    this.#wait = null
  }

  /** An attempt was granted, or not. If no turn led to it, it says nothing of the line. */
  attempted(isGranted: boolean): void {
    const turn = this.#turn
    this.#turn = null
    if (isGranted) this.#isVain = false
    if (turn === null) return
    this.#late = 0
    if (isGranted) this.#inVain = 0
    this.#free = turn === 'free' && isGranted ? this.#free + 1 : 0
    if (this.#free === 0) this.seen(this.#host.clock.now())
    else if (this.#free >= ALONE) this.#busyUntil = 0
  }

  #ended(turn: Turn): void {
    this.#wait = null
    this.#turn = isTurn(turn) ? turn : null
    if (turn === 'late' && ++this.#late >= this.#maxLate) this.#rest()
    if (turn === 'read') {
      // Readers would go on while a writer is known to nobody.
      this.#isVain = true
      if (++this.#inVain >= VAIN) this.#rest()
    }
    this.#told(isTurn(turn))
  }

  #rest(): void {
    this.#inVain = this.#late = 0
    this.#restsUntil = this.#host.clock.now() + REST_MS
  }
}

function isTurn(turn: Turn): boolean {
  return turn !== 'late' && turn !== 'read'
}
