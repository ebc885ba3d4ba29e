import { expect, test } from 'vitest'
import { reporter } from '../../../../src/cli/run/reporter.js'
import { RUN_REPORTS, type RunEventName, type RunEvents } from '../../../../src/cli/run/run-events.js'
import type { Channel } from '../../../../src/cli/terminal.js'
import { ManualClock } from '../../../../src/testing/manual-clock.js'

const EVENTS: RunEvents = {
  waiting: { mode: 'exclusive', waitMs: null },
  unreachable: { reason: 'connect ECONNREFUSED', waitMs: 60_000 },
  blocked: { holders: ['billing (pid 1)', 'reports (pid 2)'] },
  acquired: { mode: 'shared', token: '1024', waitedMs: 12 },
  started: { pid: 7, command: 'sh' },
  signal: { signal: 'SIGTERM', passedOn: true },
  ended: { exitCode: null, signal: 'SIGKILL', ranMs: 1500 },
  released: { heldMs: 2000 },
  busy: { reason: 'another process holds it', exitCode: 75 },
  interrupted: { signal: 'SIGINT', exitCode: 130 },
  lost: { heldMs: 30, reason: 'its connection ended' },
  timeout: { afterMs: 60_000, exitCode: 124 },
  killing: { afterMs: 5000 },
  left: { pids: [8, 9], reason: 'and cannot be ended' },
  unreleased: { reason: 'its connection ended' },
  warning: { message: 'two\nlines' },
  failed: { code: 'CONNECTION_FAILED', message: 'away', exitCode: 69 },
}

function told(how: {
  isJson?: boolean
  isVerbose?: boolean
  isTerminal?: boolean
  names?: string[]
  permits?: number
}): string[] {
  const { isTerminal = false, names = ['a\n"b"'] } = how
  const lines: string[] = []
  const channel: Channel = {
    isTerminal,
    write: (text) => void lines.push(text),
    paint: (_, text) => text,
  }
  const report = reporter(channel, new ManualClock(), {
    names,
    keys: names,
    permits: null,
    isJson: false,
    isVerbose: false,
    ...how,
  })
  for (const name of Object.keys(EVENTS) as RunEventName[]) report(name, EVENTS[name])
  return lines
}

test('as JSON, every event is one line with its name, its time, the key and its own fields', () => {
  const lines = told({ isJson: true })

  expect(lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true)
  expect(lines.map((line) => JSON.parse(line))).toEqual(
    Object.entries(EVENTS).map(([event, fields]) => ({
      version: 1,
      event,
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      key: 'a\n"b"',
      ...fields,
    })),
  )
})

test('as JSON, several keys are a list as well', () => {
  const [line] = told({ isJson: true, names: ['a', 'b'] })

  expect(JSON.parse(line!)).toMatchObject({ key: 'a, b', keys: ['a', 'b'] })
})

test('as text, problems are always shown, waiting on a terminal, and every step with --verbose', () => {
  const count = (...how: string[]): number =>
    Object.keys(EVENTS).filter((name) => how.includes(RUN_REPORTS[name as RunEventName].shown)).length

  expect(told({})).toHaveLength(count('always'))
  expect(told({ isTerminal: true })).toHaveLength(count('always', 'on a terminal'))
  expect(told({ isVerbose: true })).toHaveLength(Object.keys(EVENTS).length)
  for (const line of told({ isVerbose: true })) expect(line).toMatch(/^lockpool: \S[^]*\n$/)
  expect(told({}).join('')).toContain(String.raw`lock "a\n\"b\"" was lost after 30 ms: its connection ended`)
  expect(told({ isTerminal: true, names: ['a', 'b'] }).join('')).toContain(
    'lock "a", lock "b" is held by billing (pid 1), and by reports (pid 2)',
  )
  expect(told({ isTerminal: true, names: ['a'], permits: 3 }).join('')).toContain(
    'waiting for semaphore "a"\n',
  )
})
