import { inTurn, percentile } from '../measure.js'
import { alone, compared, type Bench, type Group, type Row } from '../row.js'
import { WorkerProcess } from '../worker.js'
import type { Held, PingPongQuestion } from '../workers/ping-pong.js'

/** The approximate time of one turn. It sets the number of turns, so that a round takes about `seconds`. */
const TURN_MS = 8

/**
 * The first poll comes 50 ms after a waiter begins to wait. A hand-off that takes this long was not caused by a
 * notification.
 */
const POLLED_MS = 45

/** Two processes pass one key to and fro. Measures the time from the release in one to the grant in the other. */
export const handOff: Group = { name: 'hand-off', run }

async function run({ url, rounds, seconds, say }: Bench): Promise<readonly Row[]> {
  const pair = (kind: string): PingPong[] => [
    new WorkerProcess('ping-pong', [kind, url, 'ping-pong']),
    new WorkerProcess('ping-pong', [kind, url, 'ping-pong']),
  ]
  const ours = pair('lockpool')
  const blocking = pair('blocking')
  const turns = Math.ceil((seconds * 1000) / TURN_MS)
  const played: number[][] = []
  const measured = await inTurn(
    rounds,
    {
      lockpool: async () => {
        const taken = await play(ours, turns)
        played.push(taken)
        return percentile(taken, 0.5)
      },
      pg_advisory_lock: async () => percentile(await play(blocking, turns), 0.5),
    },
    say,
  )
  await Promise.all([...ours, ...blocking].map((worker) => worker[Symbol.asyncDispose]()))

  // The first round is the warm-up, in which the listening connection was opened.
  const all = played.slice(1).flat()
  const tail = [0.9, 0.99, 1].map((part) => percentile(all, part).toFixed(2)).join(', ')
  return [
    compared({
      what: 'hand-off between two processes, p50',
      unit: 'ms',
      ours: measured.lockpool,
      reference: { name: 'blocking pg_advisory_lock', figures: measured.pg_advisory_lock },
      target: { of: 'ratio', is: 'at most', limit: 1.8 },
      notes: [`p90, p99 and slowest of ours: ${tail} ms`],
    }),
    alone({
      what: 'hand-offs that waited for the poll',
      unit: 'hand-offs',
      ours: [all.filter((each) => each > POLLED_MS).length],
      target: { of: 'ours', is: 'at most', limit: 0 },
      notes: [`slower than ${POLLED_MS} ms, of ${all.length}`],
    }),
  ]
}

type PingPong = WorkerProcess<PingPongQuestion, Held[]>

/** The time in milliseconds of each hand-off from one process to the other. */
async function play(players: readonly PingPong[], turns: number): Promise<number[]> {
  const held = await Promise.all(players.map((player) => player.ask({ turns })))
  const inOrder = held
    .flatMap((each, player) => each.map((turn) => ({ ...turn, player })))
    .toSorted((a, b) => a.grantedMs - b.grantedMs)
  const taken: number[] = []
  for (let turn = 1; turn < inOrder.length; turn++) {
    const [before, after] = [inOrder[turn - 1]!, inOrder[turn]!]
    if (after.grantedMs < before.releasedMs) throw new Error('two processes held the lock at once')
    if (after.player !== before.player) taken.push(after.grantedMs - before.releasedMs)
  }
  return taken
}
