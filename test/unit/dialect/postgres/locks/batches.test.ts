import { expect, test } from 'vitest'
import { PostgresBatches } from '../../../../../src/dialect/postgres/locks/batches.js'
import { encodeKey } from '../../../../../src/dialect/postgres/keys/key.js'
import { ManualClock, settle } from '../../../../../src/testing/manual-clock.js'

/** A session whose attempts are refused, with its registration set. It records the statements that it sends. */
function waitingSession(): { batches: PostgresBatches; clock: ManualClock; sent: string[] } {
  const clock = new ManualClock()
  const sent: string[] = []
  const batches = new PostgresBatches(1, {
    clock,
    fence: () => null,
    prepared: ({ name }) => {
      sent.push(name)
      return Promise.resolve([])
    },
    ask: ({ name }, [codes]) => {
      sent.push(name)
      // The registration is set in the hash bucket, and another session holds the key.
      const answers = 'g'.repeat((codes as Buffer).length - 1) + 'w'
      return Promise.resolve({ answers, token: null, pid: 1 } as never)
    },
  })
  return { batches, clock, sent }
}

test('a session leaves unneeded buckets after a while, and not while it is being reconciled', async () => {
  const { batches, clock, sent } = waitingSession()
  await batches.run([{ kind: 'wait', mode: 'exclusive', key: encodeKey('orders', '') }], false)
  batches.book.gone(encodeKey('orders', '').hash)
  await batches.run([{ kind: 'wait', mode: 'exclusive', key: encodeKey('other', '') }], false)
  expect(clock.armed).toBe(1)

  batches.rest()
  expect(clock.armed).toBe(0)
  await clock.run(1000)
  await settle()
  expect(sent).not.toContain('lockpool_drop_stale')
})
