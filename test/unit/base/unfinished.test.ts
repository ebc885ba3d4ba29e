import { expect, test } from 'vitest'
import { Deferred } from '../../../src/base/deferred.js'
import { Unfinished } from '../../../src/base/unfinished.js'

test('without work it has ended', async () => {
  await new Unfinished().ended()
})

test('it has ended when the last work has, including work that was added during the wait', async () => {
  const unfinished = new Unfinished()
  const [first, second] = [new Deferred<null>(), new Deferred<null>()]
  unfinished.add(first.promise)
  let hasEnded = false
  const ended = unfinished.ended().then(() => (hasEnded = true))
  unfinished.add(second.promise)
  first.resolve(null)
  await first.promise
  for (let i = 0; i < 10; i++) await Promise.resolve()
  expect(hasEnded).toBe(false)
  second.resolve(null)
  await ended
  expect(hasEnded).toBe(true)
})
