import { expect, test } from 'vitest'
import { Deferred } from '../../../../../src/base/deferred.js'
import { Reach, type KnownText } from '../../../../../src/dialect/postgres/reset/reach.js'
import type { ServerConnection } from '../../../../../src/dialect/postgres/connection/server-connection.js'
import { ManualClock } from '../../../../../src/testing/manual-clock.js'

/** A server whose answers come from the test. */
class ScriptedServer {
  readonly questions: string[] = []
  readonly #answers: Deferred<{ rows: unknown[] }>[] = []

  readonly server = {
    query: (text: string) => {
      const answer = new Deferred<{ rows: unknown[] }>()
      this.questions.push(text)
      this.#answers.push(answer)
      return answer.promise
    },
  } as unknown as ServerConnection

  get isWaiting(): boolean {
    return this.#answers.length > 0
  }

  /** Answers with the names that reach something risky, and whether reading or writing reaches it. */
  async answers(
    risky: Readonly<Record<string, 'reading' | 'writing'>> = {},
    isStrange = false,
  ): Promise<void> {
    const rows = Object.entries(risky).map(([name, risk]) => ({ name: name as string | null, risk }))
    if (isStrange) rows.push({ name: null, risk: 'reading' })
    this.#answers.shift()!.resolve({ rows })
    await new Promise((resolve) => process.nextTick(resolve))
  }

  async fails(): Promise<void> {
    this.#answers.shift()!.reject(new Error('no'))
    await new Promise((resolve) => process.nextTick(resolve))
  }
}

interface World {
  readonly clock: ManualClock
  readonly reach: Reach
  readonly asked: ScriptedServer
  /** Sends the question that is due, if any. */
  learn: () => void
  text: (text: string) => KnownText
  /** Returns whether the text is trusted. If it is not, asks for its names to be looked up. */
  trusts: (text: string) => boolean
}

function world(): World {
  const clock = new ManualClock()
  clock.advance(10_000)
  const reach = new Reach(clock)
  const asked = new ScriptedServer()
  const text = (sql: string): KnownText => reach.textOf(sql)
  const trusts = (sql: string): boolean => {
    if (reach.trusts(text(sql))) return true
    reach.wants(text(sql))
    return false
  }
  return { clock, reach, asked, text, trusts, learn: () => void reach.learn(asked.server) }
}

const READ = 'SELECT id FROM orders'
const WRITE = 'INSERT INTO orders VALUES (1)'

test('a text is trusted once its names are known to reach nothing, and no sooner', async () => {
  const { asked, trusts, learn } = world()
  expect(trusts(READ)).toBe(false)
  learn()
  expect(trusts(READ)).toBe(false)
  await asked.answers()

  expect(trusts(READ)).toBe(true)
  expect(asked.questions).toHaveLength(1)
  expect(asked.questions[0]).toContain('"orders"')
  expect(trusts('BEGIN'), 'it names nothing').toBe(true)
})

test('risks that only writing reaches do not matter to readers', async () => {
  const { asked, trusts, learn } = world()
  trusts(READ)
  trusts(WRITE)
  learn()
  await asked.answers({ orders: 'writing' })

  expect([trusts(READ), trusts(WRITE)]).toEqual([true, false])
})

test('a risky name makes every text with it untrusted, and no other', async () => {
  const { asked, trusts, learn } = world()
  trusts(READ)
  trusts('SELECT 1 AS one')
  learn()
  await asked.answers({ orders: 'reading' })

  expect([trusts(READ), trusts('SELECT orders FROM x'), trusts('SELECT 1 AS one')]).toEqual([
    false,
    false,
    true,
  ])
})

test('while users have their own operators, no text with a name is trusted', async () => {
  const { asked, clock, reach, trusts, learn } = world()
  trusts(READ)
  learn()
  await asked.answers({}, true)
  expect(trusts(READ)).toBe(false)

  clock.advance(1000)
  learn()
  await asked.answers()
  expect(trusts(READ)).toBe(true)
  expect(reach.losses).toBe(1)
})

test('all knowledge is refreshed after a second, and texts that lose their trust are counted', async () => {
  const { asked, clock, reach, trusts, learn } = world()
  trusts(READ)
  learn()
  await asked.answers()
  clock.advance(999)
  learn()
  expect(asked.questions).toHaveLength(1)

  clock.advance(1)
  expect(reach.isDue).toBe(true)
  learn()
  expect(trusts(READ), 'until the answer is there').toBe(true)
  expect(reach.isDue, 'it is asked').toBe(false)
  await asked.answers({ orders: 'reading' })

  expect(trusts(READ)).toBe(false)
  expect(reach.losses).toBe(1)
})

test('after a local change no answer is trusted until a later query is answered', async () => {
  const { asked, clock, reach, trusts, learn } = world()
  trusts(READ)
  learn()
  await asked.answers()
  clock.advance(1000)
  learn()

  reach.doubt()
  expect(trusts(READ)).toBe(false)
  await asked.answers()
  expect(trusts(READ), 'that was asked before').toBe(false)
  clock.advance(50)
  learn()
  await asked.answers()

  expect(trusts(READ)).toBe(true)
})

test('without an answer nothing is trusted, and the query is repeated later', async () => {
  const { asked, clock, trusts, learn } = world()
  trusts(READ)
  learn()
  await asked.fails()
  expect(trusts(READ)).toBe(false)
  learn()
  expect(asked.questions).toHaveLength(1)

  clock.advance(50)
  learn()
  await asked.answers()
  expect(trusts(READ)).toBe(true)
})

test('programs that always use new names cause at most twenty queries per second, and their names are forgotten', async () => {
  const { asked, clock, trusts, learn } = world()
  for (let i = 0; i < 6000; i++) {
    trusts(`SELECT 1 AS name_${i}`)
    learn()
    if (asked.isWaiting) await asked.answers()
    clock.advance(1)
  }
  expect(asked.questions.length).toBeLessThanOrEqual(6000 / 50 + 1)
  expect(asked.questions.at(-1)!.length).toBeLessThan(5000 * 30)
})

test('a text is checked once a second, or each time if it has left something', () => {
  const { clock, reach, text } = world()
  const call = text('SELECT my_function()')
  expect([reach.isWorthALook(call), reach.isWorthALook(call)]).toEqual([true, false])
  clock.advance(1000)
  expect(reach.isWorthALook(call)).toBe(true)
  call.leftState = true
  expect(reach.isWorthALook(call)).toBe(true)
})

test('a very long text is only checked for its own keywords', () => {
  const { text, trusts } = world()
  const long = `INSERT INTO t VALUES ${'(1), '.repeat(3000)} (set_config('a.b', '', false))`
  expect(trusts(long)).toBe(false)
  expect(text(long)).toMatchObject({ names: null, signs: { isExplicit: true, custom: ['a.b'] } })
})
