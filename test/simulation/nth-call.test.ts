import { expect, test } from 'vitest'
import { FakeLockPool } from '../../src/fake-lock-pool.js'
import { FakeServer } from '../../src/testing/fake-server.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { Ambush, MISHAPS, type Mishap } from './ambush.js'
import { Script } from './script.js'
import { Witness } from './witness.js'

const LEASE_MS = 1000

/** Longer than any caller of the script may wait for anything. */
const LIMIT_MS = 20_000

const SETUPS = [
  { max: 3, strict: false },
  { max: 1, strict: false },
  { max: 3, strict: true },
] as const

/** Plays the script on a new server, and checks that nothing is left of the failure. Returns the number of calls. */
async function play(nth: number, mishap: Mishap, setup: (typeof SETUPS)[number]): Promise<number> {
  const clock = new ManualClock()
  const server = new FakeServer({ clock, latencyMs: 1 })
  const ambush = new Ambush(server, nth, mishap)
  const complaints: string[] = []
  const complain = (what: string): void => void complaints.push(what)
  const pool = (seed: number): FakeLockPool =>
    new FakeLockPool(
      server,
      { ...setup, leaseMs: LEASE_MS, acquireTimeoutMs: 5000 },
      { clock, random: new SeededRandom(seed) },
    )
  const pools = [pool(1), pool(2)] as const
  const script = new Script(clock, pools, new Witness(clock, LEASE_MS, () => false, complain), complain)
  const within = async (work: Promise<unknown>, what: string): Promise<void> => {
    let isDone = false
    void work.then(
      () => (isDone = true),
      (error: Error) => complain(`${what}: ${error.stack}`),
    )
    for (const end = clock.now() + LIMIT_MS; !isDone && clock.now() < end;) {
      await clock.run(20)
      expect(complaints).toEqual([])
    }
    expect(isDone, `${what} is not over: ${JSON.stringify(pools.map((each) => each.snapshot()))}`).toBe(true)
  }

  await within(script.play(), 'the script')
  const { calls } = ambush
  ambush.heal()
  await clock.run(2 * LEASE_MS)
  await within(script.again(), 'the script again')
  await clock.run(LEASE_MS)
  expect({ held: server.table.heldIds, holdRecords: server.holdRecords.size }).toEqual({
    held: [],
    holdRecords: 0,
  })
  await within(Promise.all(pools.map((each) => each.close({ graceMs: 0 }))), 'closing')
  await clock.run(2 * LEASE_MS)
  const { connections, table } = server
  expect({ connections: connections.size, table: table.size, timers: clock.armed }).toEqual({
    connections: 0,
    table: 0,
    timers: 0,
  })
  return calls
}

/**
 * Goal: if any call to the server fails, every request still gets an answer, a caller with a grant has its lock, and nothing is
 * held in the end.
 * Method: a script that does everything once runs with a failure of the first call, then of the second, and so on until the
 * last. NTH=17 fails only that call.
 */
test.each(SETUPS.flatMap((setup) => MISHAPS.map((mishap) => ({ ...setup, mishap }))))(
  'with max $max and strict $strict, whichever call $mishap',
  async ({ mishap, ...setup }) => {
    const { NTH } = process.env
    const calls = await play(0, mishap, setup)
    expect(calls, 'a script that does something').toBeGreaterThan(30)
    const from = NTH === undefined ? 1 : Number(NTH)
    const to = NTH === undefined ? calls : from
    for (let nth = from; nth <= to; nth++) {
      try {
        await play(nth, mishap, setup)
      } catch (error) {
        throw new Error(`NTH=${nth} (play that call alone with it): ${(error as Error).message}`, {
          cause: error,
        })
      }
    }
  },
)
