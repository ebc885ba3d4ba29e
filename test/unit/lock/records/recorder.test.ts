import { expect, test } from 'vitest'
import { Recorder, type Records } from '../../../../src/lock/records/recorder.js'
import { ConnectionPool } from '../../../../src/pool/connection-pool.js'
import { ManualClock } from '../../../../src/testing/manual-clock.js'
import { StubFactory } from '../../../support/stub-factory.js'

function recorder(records: Partial<Records<object>>): {
  recorder: Recorder<object>
  clock: ManualClock
  written: number[]
  warnings: string[]
} {
  const clock = new ManualClock()
  const written: number[] = []
  const warnings: string[] = []
  const connections = new ConnectionPool<object>(new StubFactory(), { max: 1 }, { clock })
  const made = new Recorder<object>(
    { connections, clock, warn: (message) => void warnings.push(message) },
    {
      consequence: 'nothing is recorded',
      isDue: () => true,
      write: async () => void written.push(clock.now()),
      failed: () => undefined,
      ...records,
    },
  )
  return { recorder: made, clock, written, warnings }
}

test('it writes once a second from its start to its stop, and starts again', async () => {
  const { recorder: it, clock, written } = recorder({})
  const begin = clock.now()
  it.start()
  it.start()
  await clock.run(2500)
  it.stop()
  await clock.run(5000)
  expect(written.map((at) => at - begin)).toEqual([1000, 2000])
  it.start()
  await clock.run(1500)
  expect(written).toHaveLength(3)
  it.close()
  it.start()
  await clock.run(5000)
  expect(written).toHaveLength(3)
})

test('without anything due no connection is borrowed', async () => {
  const { recorder: it, clock, written } = recorder({ isDue: () => false })
  it.start()
  await clock.run(5000)
  expect(written).toEqual([])
  it.close()
})

test('a failure is one warning, and the next attempt comes a minute later; a success ends the silence', async () => {
  let isBroken = true
  let failures = 0
  const {
    recorder: it,
    clock,
    warnings,
  } = recorder({
    write: async () => {
      if (isBroken) throw new Error('there is no such table')
    },
    failed: () => void failures++,
  })
  it.start()
  await clock.run(62_500)
  expect({ failures, warnings }).toEqual({ failures: 2, warnings: ['nothing is recorded'] })
  isBroken = false
  await clock.run(61_000)
  isBroken = true
  await clock.run(2000)
  expect({ failures, warnings: warnings.length }).toEqual({ failures: 3, warnings: 2 })
  it.close()
})
