import { expect, test } from 'vitest'
import { parseFlags } from '../../../../src/cli/flags.js'
import { readOrder, RUN_FLAGS, type RunOrder } from '../../../../src/cli/run/run-order.js'
import { UsageError } from '../../../../src/cli/usage-error.js'

function order(argv: readonly string[], rest: readonly string[] | null = ['true']): RunOrder {
  return readOrder({ ...parseFlags(RUN_FLAGS, argv), rest }, {})
}

test('a key and a command are enough', () => {
  expect(order(['orders'], ['echo', '--wait', '-n'])).toEqual({
    name: 'orders',
    key: 'orders',
    mode: 'exclusive',
    waitMs: Infinity,
    killAfterMs: 5000,
    busyExitCode: 75,
    connection: null,
    namespace: '',
    command: ['echo', '--wait', '-n'],
    isJson: false,
    isVerbose: false,
  })
})

test.each([
  [['k', '--wait', '300ms'], { waitMs: 300 }],
  [['k', '--wait', '0'], { waitMs: 0 }],
  [['k', '-n'], { waitMs: 0 }],
  [['-nvE', '0', 'k'], { waitMs: 0, isVerbose: true, busyExitCode: 0 }],
  [['k', '--shared'], { mode: 'shared' }],
  [['k', '--kill-after', '0'], { killAfterMs: 0 }],
  [['k', '--namespace', 'shop', '--json'], { namespace: 'shop', isJson: true }],
  [['--raw', '-5'], { name: '-5', key: -5n }],
  [['--raw', '12,-34'], { name: '12,-34', key: [12, -34] }],
  [['k', '--url', 'postgres://h/d'], { connection: { url: 'postgres://h/d', source: '--url' } }],
])('%j is understood', (argv, expected) => {
  expect(order(argv)).toMatchObject(expected)
})

test.each([
  [[], ['true'], /needs a KEY/],
  [[], null, /needs a KEY/],
  [['k'], null, /lockpool run k -- CMD/],
  [['k', 'echo', 'hi'], null, /lockpool run k -- echo/],
  [['k', 'echo'], ['true'], /lockpool run k -- echo/],
  [['k'], [], /no command behind --/],
  [['k'], [''], /is empty/],
  [['k', '--wait', '1', '--no-wait'], ['true'], /exclude each other/],
  [['k', '--wait', 'soon'], ['true'], /^--wait must be a duration.*not "soon"$/],
  [['k', '--wait', '-1'], ['true'], /^--wait must be a duration.*not "-1"$/],
  [['k', '--kill-after', '25h'], ['true'], /^--kill-after must be a duration/],
  [['k', '-E', '256'], ['true'], /^-E must be an exit code from 0 to 255, not "256"$/],
  [['k', '-E', '-1'], ['true'], /^-E must be an exit code/],
  [['k', '--url', ''], ['true'], /^--url must be/],
  [['k', '--no-wiat'], ['true'], /did you mean --no-wait\?$/],
  [['k', '--raw'], ['true'], /a number or a pair such as 12,34, not "k"/],
  [['1.5', '--raw'], ['true'], /a number or a pair/],
  [['1,2,3', '--raw'], ['true'], /a number or a pair/],
])('%j before -- and %j behind it is one clear mistake', (argv, rest, message) => {
  const error = thrown(() => order(argv, rest))

  expect(error).toBeInstanceOf(UsageError)
  expect((error as Error).message).toMatch(message)
  expect((error as Error).message).not.toContain('\n')
})

function thrown(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  return null
}
