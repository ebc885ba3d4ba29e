import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { ClosingSockets } from '../../../../src/serve/client/closing-sockets.js'
import { ManualClock } from '../../../../src/testing/manual-clock.js'

test('sockets whose clients have gone are closed later, a few at a time, and none is forgotten', () => {
  const clock = new ManualClock()
  const closing = new ClosingSockets(clock)
  const sockets = Array.from({ length: 150 }, () => new PassThrough())
  const closed = (): number => sockets.filter(({ destroyed }) => destroyed).length

  for (const socket of sockets) closing.add(socket)
  expect(closed(), 'first the locks of all of them').toBe(0)
  clock.advance(1)
  expect(closed()).toBe(64)
  clock.advance(1)
  clock.advance(1)
  expect(closed()).toBe(150)

  const late = new PassThrough()
  closing.add(late)
  clock.advance(1)
  expect(late.destroyed).toBe(true)
})
