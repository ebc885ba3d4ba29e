import { expect, test } from 'vitest'
import { parseFlags } from '../../../../src/cli/flags.js'
import { readOrder, RUN_FLAGS, type RunOrder } from '../../../../src/cli/run/run-order.js'
import { UsageError } from '../../../../src/cli/usage-error.js'

function order(argv: readonly string[], rest: readonly string[] | null = ['true']): RunOrder {
  return readOrder({ ...parseFlags(RUN_FLAGS, argv), rest }, {})
}

test('a key and a command are enough', () => {
  expect(order(['orders'], ['echo', '--wait', '-n'])).toEqual({
    names: ['orders'],
    keys: ['orders'],
    isRaw: false,
    mode: 'exclusive',
    permits: null,
    waitMs: Infinity,
    killAfterMs: 5000,
    timeoutMs: Infinity,
    busyExitCode: 75,
    connection: null,
    namespace: '',
    backend: null,
    sharedSlots: null,
    command: ['echo', '--wait', '-n'],
    isJson: false,
    isVerbose: false,
  })
})

test.each([
  [['k', '--wait', '300ms'], { waitMs: 300 }],
  [['k', '--wait', '0'], { waitMs: 0 }],
  [['k', '-n'], { waitMs: 0 }],
  [['k', '--backend', 'table'], { backend: 'table' }],
  [['-nvE', '0', 'k'], { waitMs: 0, isVerbose: true, busyExitCode: 0 }],
  [['k', '--shared'], { mode: 'shared' }],
  [['k', '--kill-after', '0'], { killAfterMs: 0 }],
  [['k', '--namespace', 'shop', '--json'], { namespace: 'shop', isJson: true }],
  [['--raw', '-5'], { names: ['-5'], keys: [-5n], isRaw: true }],
  [['--raw', '12,-34'], { names: ['12,-34'], keys: [[12, -34]] }],
  [['a', 'b'], { names: ['a', 'b'], keys: ['a', 'b'] }],
  [['k', '--permits', '3'], { permits: 3 }],
  [['k', '--timeout', '30m'], { timeoutMs: 1_800_000 }],
  [['k', '--url', 'postgres://h/d'], { connection: { url: 'postgres://h/d', source: '--url' } }],
])('%j is understood', (argv, expected) => {
  expect(order(argv)).toMatchObject(expected)
})

test('LOCKPOOL_NAMESPACE is the namespace, unless --namespace says another', () => {
  const namespaceOf = (argv: readonly string[], env: Record<string, string>): string =>
    readOrder({ ...parseFlags(RUN_FLAGS, ['k', ...argv]), rest: ['true'] }, env).namespace

  expect(namespaceOf([], { LOCKPOOL_NAMESPACE: 'shop' })).toBe('shop')
  expect(namespaceOf(['--namespace', 'other'], { LOCKPOOL_NAMESPACE: 'shop' })).toBe('other')
  expect(namespaceOf([], { LOCKPOOL_NAMESPACE: '' })).toBe('')
})

test.each([
  [[], ['true'], /needs a KEY/],
  [[], null, /needs a KEY/],
  [['k'], null, /lockpool run k -- CMD/],
  [['k', 'echo', 'hi'], null, /lockpool run k -- echo/],
  [['k', 'k'], ['true'], /^KEY "k" is given twice$/],
  [['a', 'b', '--permits', '2'], ['true'], /^--permits and several keys exclude each other$/],
  [['k', '--shared', '--permits', '2'], ['true'], /^--permits and --shared exclude each other$/],
  [['k', '--permits', '0'], ['true'], /^--permits must be a whole number from 1 to 1000/],
  [['k', '--timeout', '0'], ['true'], /^--timeout must be more than 0$/],
  [['k'], [], /no command after --/],
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
])('%j before -- and %j after it is one clear mistake', (argv, rest, message) => {
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
