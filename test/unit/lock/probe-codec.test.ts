import { describe, expect, test } from 'vitest'
import { decodeProbe, encodeProbe, MAX_PROBE_BYTES, MAX_STEPS } from '../../../src/lock/deadlock/probe.js'

const STEP = ['w', 'p', null, 'k']
const PROBE = ['a', 1, 'k', 'shared', [STEP]]

const decoded = (value: unknown): unknown => decodeProbe(JSON.stringify(value))

const but = <T>(list: readonly T[], at: number, value: T): T[] => list.with(at, value)

const NOT_STRINGS = [5, null, true, [], {}]

describe('a probe of others is understood', () => {
  test('if everything is as it should be', () => {
    const step = { wait: 'w', process: 'p', holds: null, waitsFor: 'k' }
    expect(decoded(PROBE)).toEqual({ from: 'a', round: 1, keyId: 'k', mode: 'shared', steps: [step] })
    expect(decoded(but<unknown>(PROBE, 3, 'exclusive'))).toMatchObject({ mode: 'exclusive' })
    expect(decoded(but<unknown>(PROBE, 4, [but<unknown>(STEP, 2, 'h')]))).toMatchObject({
      steps: [{ holds: 'h' }],
    })
  })

  test.each([
    ['from', 0, NOT_STRINGS],
    ['round', 1, ['1', 1.5, null, 2 ** 60]],
    ['key', 2, NOT_STRINGS],
    ['mode', 3, ['other', ...NOT_STRINGS]],
    ['steps', 4, [5, null, 'steps', {}, { length: 1 }, []]],
  ] as const)('and not with another %s', (_, at, values) => {
    for (const value of values)
      expect(decoded(but<unknown>(PROBE, at, value)), JSON.stringify(value)).toBeNull()
  })

  test.each([
    ['wait', 0, NOT_STRINGS],
    ['process', 1, NOT_STRINGS],
    ['hold', 2, [5, true, [], {}]],
    ['wish', 3, NOT_STRINGS],
  ] as const)('and not with another %s of a step, also behind one that is right', (_, at, values) => {
    for (const value of values) {
      const step = but<unknown>(STEP, at, value)
      expect(decoded(but<unknown>(PROBE, 4, [step])), JSON.stringify(value)).toBeNull()
      expect(decoded(but<unknown>(PROBE, 4, [STEP, step]))).toBeNull()
    }
  })

  test.each([
    ['no list', { length: 5 }],
    ['a list that is too short', PROBE.slice(0, 4)],
    ['a list that is too long', [...PROBE, 1]],
    ['a step that is no list', but<unknown>(PROBE, 4, [{ length: 4 }])],
    ['a step that is too short', but<unknown>(PROBE, 4, [['w', 'p', 'k']])],
    ['a step that is too long', but<unknown>(PROBE, 4, [[...STEP, 'more']])],
  ])('and not if it is %s', (_, value) => {
    expect(decoded(value)).toBeNull()
  })

  test('within its limits', () => {
    const steps = (count: number): unknown =>
      but<unknown>(
        PROBE,
        4,
        Array.from({ length: count }, () => STEP),
      )
    expect(decoded(steps(MAX_STEPS))).not.toBeNull()
    expect(decoded(steps(MAX_STEPS + 1))).toBeNull()
    const text = JSON.stringify(PROBE)
    expect(decodeProbe(text.padEnd(MAX_PROBE_BYTES))).not.toBeNull()
    expect(decodeProbe(text.padEnd(MAX_PROBE_BYTES + 1))).toBeNull()
    expect(decodeProbe('no JSON')).toBeNull()
  })
})

describe('a probe is sent', () => {
  const step = { wait: 'w', process: 'p', holds: null, waitsFor: 'k' }
  const probe = { from: 'a', round: 1, keyId: 'k', mode: 'shared', steps: [step] } as const

  test('with no more steps, and no more bytes, than a message can hold', () => {
    const filled = (bytes: number): string | null => {
      const rest = JSON.stringify(PROBE).length - 1
      return encodeProbe({ ...probe, from: 'é'.repeat((bytes - rest) / 2) })
    }
    const fits = MAX_PROBE_BYTES - (JSON.stringify(PROBE).length % 2 === 0 ? 1 : 0)
    expect(Buffer.byteLength(filled(fits)!)).toBe(fits)
    expect(filled(fits + 2)).toBeNull()
    expect(encodeProbe({ ...probe, steps: Array.from({ length: MAX_STEPS }, () => step) })).not.toBeNull()
    expect(encodeProbe({ ...probe, steps: Array.from({ length: MAX_STEPS + 1 }, () => step) })).toBeNull()
  })

  test.each([
    ['x'.repeat(100), 'x'.repeat(100)],
    ['x'.repeat(101), `${'x'.repeat(100)}...`],
    ['"'.repeat(50), '"'.repeat(50)],
    ['"'.repeat(51), `${'"'.repeat(50)}...`],
  ])('with names of a hundred bytes as they are sent (%#)', (name, sent) => {
    const steps = [{ wait: 'w', process: name, holds: name, waitsFor: name }]

    expect(decodeProbe(encodeProbe({ ...probe, steps })!)!.steps).toEqual([
      { wait: 'w', process: sent, holds: sent, waitsFor: sent },
    ])
  })
})
