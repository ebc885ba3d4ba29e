import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from '../src/testing/seeded-random.js'
import type { FrontProcess } from './front-process.js'
import type { Watch } from './watch.js'
import type { WorkerProcess } from './worker-process.js'

/** A front, and the program that locks through it. */
export interface FrontPair {
  readonly front: FrontProcess
  readonly client: WorkerProcess
}

/** What a strike can affect, for every kind of server. */
export interface Scene {
  readonly random: SeededRandom
  readonly isStrict: boolean
  readonly leaseMs: number
  readonly workers: readonly WorkerProcess[]
  /** Empty without `--serve`. */
  readonly fronts: readonly FrontPair[]
  readonly watch: Watch
}

/** One kind of fault. `act` resolves when it is over and everything works again. */
export interface StrikeKind<S extends Scene = Scene> {
  readonly kind: string
  /** The frequency, relative to the others. */
  readonly weight: number
  /** See `Strike` in history.ts. */
  readonly letsGo?: true
  readonly forgets?: true
  readonly isPause?: true
  readonly isSilence?: true
  /** The kind of process that it hits, which is chosen for it. Without this it hits the server. */
  readonly hits?: 'worker' | 'client' | 'front'
  /** Prepares the strike. This does no harm yet. */
  prepare?(scene: S): Promise<void>
  /** If a front is hit, `worker` is its client. */
  act(scene: S, worker: WorkerProcess, front: FrontProcess): Promise<void>
}

/** Gives strikes access to the whole scene of their kind of server. */
export function bound<S extends Scene>(kinds: readonly StrikeKind<S>[], whole: S): StrikeKind[] {
  return kinds.map((kind) => ({
    ...kind,
    prepare: async () => kind.prepare?.(whole),
    act: (_, worker, front) => kind.act(whole, worker, front),
  }))
}

export function pickStrike(kinds: readonly StrikeKind[], random: SeededRandom): StrikeKind {
  const total = kinds.reduce((sum, { weight }) => sum + weight, 0)
  let left = random.next() * total
  return kinds.find(({ weight }) => (left -= weight) < 0) ?? kinds[0]!
}

/** A random pause, in leases. */
export function sometime({ random, leaseMs }: Scene, from: number, to: number): Promise<void> {
  return sleep(leaseMs * (from + (to - from) * random.next()))
}

/** Pauses these processes while `meanwhile` runs. */
export async function stopAndGo(pids: readonly number[], meanwhile: () => Promise<void>): Promise<void> {
  const stopped = pids.filter((pid) => signal(pid, 'SIGSTOP'))
  await meanwhile()
  for (const pid of stopped) signal(pid, 'SIGCONT')
}

export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    // The process has just ended.
    return false
  }
}
