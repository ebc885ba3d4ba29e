import { expect, test } from 'vitest'
import { Arsenal } from '../../bench/arsenal.js'
import { MIXED_KEYS, workMixed, type Watcher } from '../../bench/mixed-work.js'
import { lockWorld } from '../support/lock-world.js'
import { strangerIn } from '../support/stranger.js'

const world = lockWorld()

const PERMITS = 3
const WORK_MS = 4000

/** Records the callers that hold each key, as they report it, and collects every violation. */
class Witness implements Watcher {
  readonly wrong: string[] = []
  readonly #inside = new Map<string, string[]>()
  readonly #tokens = new Map<string, bigint>()

  entered(key: string, mode: string, token: bigint): void {
    const place = mode === 'permit' ? `permits of ${key}` : key
    const inside = this.#inside.get(place) ?? []
    this.#inside.set(place, inside)
    const isFree =
      mode === 'permit'
        ? inside.length < PERMITS
        : inside.every((other) => mode === 'shared' && other === 'shared')
    if (!isFree) this.wrong.push(`${mode} of ${place} next to ${inside.join()}`)
    inside.push(mode)
    const last = this.#tokens.get(place) ?? 0n
    if (mode === 'exclusive' && token <= last) this.wrong.push(`${place}: ${token} after ${last}`)
    if (mode === 'exclusive') this.#tokens.set(place, token)
  }

  left(key: string, mode: string): void {
    const inside = this.#inside.get(mode === 'permit' ? `permits of ${key}` : key)!
    inside.splice(inside.indexOf(mode), 1)
  }
}

/**
 * Goal: whatever foreign roles do, it costs other callers only time.
 * Method: four pools work on the same few keys in all ways. Meanwhile foreign roles hold locks of lockpool's classes,
 * take each key that becomes free, flood the notification channel, repeat the messages that they receive, and announce
 * pools that do not exist. `npm run bench -- --only strangers` measures the cost.
 */
test('against everything that foreign roles can do, four pools make no error, give no wrong answer, and make progress', async () => {
  await using stranger = await strangerIn(world.database.url)
  const pools = Array.from({ length: 4 }, () => world.pool())
  await Promise.all(pools.map((locks) => locks.ready()))
  const warnings = new Set<string>()
  for (const locks of pools) locks.on('warning', ({ message }) => warnings.add(message))
  const witness = new Witness()
  await using _ = await Arsenal.drawn({
    url: stranger.url,
    elsewhere: 'postgres',
    keys: MIXED_KEYS,
    messagesPerSecond: 1000,
    isAimed: true,
  })

  const until = performance.now() + WORK_MS
  const outcomes = await Promise.all(
    pools.map((locks) => workMixed(locks, 6, () => performance.now() >= until, witness)),
  )

  expect(outcomes.flatMap(({ errors }) => errors)).toEqual([])
  expect(witness.wrong).toEqual([])
  // The pools are compared with each other, because on a busy machine all of them do little.
  const done = outcomes.map((outcome) => outcome.done)
  expect(Math.min(...done)).toBeGreaterThan(Math.max(...done) / 10)
  expect([...warnings]).toEqual([])
}, 90_000)
