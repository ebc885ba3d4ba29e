import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import type { EmittingPool } from '../../../../../src/dialect/postgres/pool/emitting-pool.js'

type Listeners = EmittingPool['listeners'] & EmittingPool['rawListeners']

test('lists listeners as the types of newer versions of Node say, which the compiler checks', () => {
  const listeners: Listeners = () => new EventEmitter().listeners('x') as ReturnType<Listeners>
  // The types of Node 26 return callable functions. The types of Node 20 return `Function[]`.
  const callable: ((...args: any[]) => void)[] = listeners('connect')

  expect(callable).toEqual([])
})
