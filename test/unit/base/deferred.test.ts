import { expect, test } from 'vitest'
import { Deferred } from '../../../src/base/deferred.js'
import { collect } from '../../support/garbage.js'

test('a promise can be settled from outside', async () => {
  const [kept, broken] = [new Deferred<number>(), new Deferred<number>()]
  kept.resolve(1)
  broken.reject(new Error('no'))
  expect(await kept.promise).toBe(1)
  await expect(broken.promise).rejects.toThrow('no')
})

test('the last resolved value is not kept alive', async () => {
  let isGone = false
  const registry = new FinalizationRegistry(() => (isGone = true))
  ;(() => {
    const value = { big: true }
    registry.register(value, null)
    new Deferred<object>().resolve(value)
  })()
  await collect(() => isGone)
  expect(isGone).toBe(true)
})
