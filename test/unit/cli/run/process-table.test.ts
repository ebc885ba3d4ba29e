import { expect, test } from 'vitest'
import { parsePs, parseStat, readProcess, readProcesses } from '../../../../src/cli/run/process-table.js'

const stat = (name: string, state = 'S'): string =>
  `42 (${name}) ${state} 7 40 39 34816 41 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 1000 200\n`

test.each(['node', 'a b', 'a) S 1 2 3', ') (', ''])('a process called %j does not lead us astray', (name) => {
  expect(parseStat(stat(name))).toEqual({
    pid: 42,
    parent: 7,
    group: 40,
    session: 39,
    foreground: 41,
    startedAt: '123456',
  })
})

test('an ended process and an incomplete line are ignored', () => {
  expect(['Z', 'X', 'x'].map((state) => parseStat(stat('sh', state)))).toEqual([null, null, null])
  expect(['', '42', '42 (sh) S 7'].map(parseStat)).toEqual([null, null, null])
  expect(['', '  42  7 40 41 Z+', '42 7 40'].map(parsePs)).toEqual([null, null, null])
})

test('a line of ps', () => {
  expect(parsePs('   42     7    40    -1 Ss+')).toEqual({
    pid: 42,
    parent: 7,
    group: 40,
    session: 40,
    foreground: -1,
    startedAt: '',
  })
})

test('this process finds itself', () => {
  const ourselves = readProcess(process.pid)

  expect(ourselves).toMatchObject({ pid: process.pid, parent: process.ppid })
  expect(readProcesses()).toContainEqual(ourselves)
})
