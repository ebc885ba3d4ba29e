import fc from 'fast-check'
import { expect, test } from 'vitest'
import { printable } from '../../../src/base/printable.js'
import { LONGEST_MESSAGE } from '../../../src/dialect/postgres/notify/sealed-message.js'
import { isGreater } from '../../../src/lock/deadlock/framed-wait.js'
import { decodeProbe, encodeProbe, MAX_PROBE_BYTES } from '../../../src/lock/deadlock/probe.js'
import { SeenProbes } from '../../../src/lock/deadlock/seen-probes.js'
import { reachable, wantedMode, type Hold, type Wait } from '../../../src/lock/deadlock/wait-graph.js'

const name = fc.string({ unit: 'grapheme', maxLength: 12 })
const step = fc.record({ wait: name, process: name, holds: fc.option(name), waitsFor: name })
const mode = fc.constantFrom('exclusive' as const, 'shared' as const)

test('a probe comes back as it was sent', () => {
  const probe = fc.record({
    from: name,
    round: fc.nat(),
    keyId: name,
    mode,
    steps: fc.array(step, { minLength: 1, maxLength: 16 }),
  })
  fc.assert(
    fc.property(probe, (sent) => {
      const text = encodeProbe(sent)
      fc.pre(text !== null && !text.includes('...'))
      const steps = sent.steps.map((each) => ({ ...each, process: printable(each.process) }))
      expect(decodeProbe(text)).toEqual({ ...sent, steps })
    }),
  )
})

test('the longest names are cut so that sixteen steps can be sent', () => {
  const long = '🔑"é'.repeat(400)
  const steps = Array.from({ length: 16 }, () => ({
    wait: 'x'.repeat(20),
    process: long,
    holds: long,
    waitsFor: long,
  }))
  const probe = {
    from: 'x'.repeat(20),
    round: 2 ** 40,
    keyId: 'p-9223372036854775808',
    mode: 'shared',
    steps,
  } as const

  const text = encodeProbe(probe)!
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_PROBE_BYTES)
  expect(MAX_PROBE_BYTES).toBeLessThanOrEqual(LONGEST_MESSAGE)
  expect(encodeProbe({ ...probe, steps: [...steps, steps[0]!] })).toBeNull()
})

test('text that is not a probe is ignored', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      expect(decodeProbe(text)).toBeNull()
    }),
  )
  expect(decodeProbe('["a",1.5,"k","shared",[["w","p",null,"k"]]]')).toBeNull()
  expect(decodeProbe('["a",1,"k","shared",[]]')).toBeNull()
  expect(decodeProbe('["a",1,"k","other",[["w","p",null,"k"]]]')).toBeNull()
})

test('of two waits the same one is greater in either order of comparison', () => {
  expect(isGreater('a.10', 'b.9')).toBe(true)
  expect(isGreater('b.9', 'a.10')).toBe(false)
  expect(isGreater('b.9', 'a.9')).toBe(true)
  expect(isGreater('a.9', 'a.9')).toBe(false)
})

test('an earlier round ends when a later one has come, and memory is bounded', () => {
  const seen = new SeenProbes()
  const first = seen.passed('x', 2)!
  first.add('w')
  expect(seen.passed('x', 2)!.has('w')).toBe(true)
  expect(seen.passed('x', 3)!.size).toBe(0)
  expect(seen.passed('x', 2)).toBeNull()
  for (let i = 0; i < 256; i++) seen.passed(`other ${i}`, 1)
  expect(seen.passed('x', 1)).not.toBeNull()
})

test('no waiter is reached twice, and readers reach readers only through a writer', () => {
  const hold = (waits: Wait[]): Hold => ({ frame: { waits: new Set(waits) } })
  const queue: { mode: 'exclusive' | 'shared' }[] = []
  const end: Hold[] = []
  const reader = {
    mode: 'shared',
    place: { mode: 'shared', holders: end, queue },
    inQueue: { mode: 'shared' },
  } as const
  queue.push(reader.inQueue)
  const start = hold([reader])
  end.push(start)
  const reach = (): number => [...reachable([start], () => true)].length

  expect(wantedMode(reader)).toBe('shared')
  expect(reach()).toBe(1)
  queue.unshift({ mode: 'exclusive' })
  expect(wantedMode(reader)).toBe('exclusive')
  expect(reach()).toBe(1)
  end.push(hold([{ ...reader, place: { mode: 'exclusive', holders: [], queue: [] } }]))
  expect(reach()).toBe(2)
})
