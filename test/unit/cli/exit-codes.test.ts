import { expect, test } from 'vitest'
import * as errors from '../../../src/base/errors.js'
import { EXIT, EXIT_MEANINGS, exitNameOf, exitRows, type ExitName } from '../../../src/cli/exit-codes.js'

const timeout = (phase: errors.AcquirePhase): Error =>
  new errors.LockTimeoutError({ key: 'k', phase, waitedMs: 1 })

const EXPECTED: readonly (readonly [Error, ExitName])[] = [
  [timeout('queueing'), 'busy'],
  [timeout('locking'), 'busy'],
  [timeout('connecting'), 'unavailable'],
  [new errors.LockLostError({ key: 'k', heldMs: 1, reason: 'r' }), 'lost'],
  [new errors.LockDeadlockError({ key: 'k', cycle: [] }), 'busy'],
  [new errors.LockReentryError('k'), 'internal'],
  [new errors.LockTableFullError('full'), 'unavailable'],
  [new errors.FencingUnavailableError('none'), 'config'],
  [new errors.StaleTokenError('stale'), 'internal'],
  [new errors.StrictUnavailableError('no table'), 'config'],
  [new errors.ModeUnsupportedError('no shared mode'), 'config'],
  [new errors.BackendMismatchError('rows'), 'config'],
  [new errors.PoolExhaustedError('none'), 'internal'],
  [new errors.PoolSaturatedError(1), 'internal'],
  [new errors.PoolClosedError(), 'internal'],
  [new errors.PoolerDetectedError('pooler'), 'config'],
  [new errors.ConnectionError('away'), 'unavailable'],
  [new errors.TransactionFailedError('failed', false), 'internal'],
  [new errors.InvalidOptionError(['x']), 'config'],
  [new errors.InvalidKeyError('x'), 'usage'],
]

test.each(EXPECTED)('%s means %s', (error, name) => {
  expect(exitNameOf(error)).toBe(name)
})

test('every error of the library is in the list above', () => {
  const listed = new Set<unknown>(EXPECTED.map(([error]) => error.constructor))
  const all = Object.values(errors).filter((each) => each !== errors.LockError)

  expect(all.filter((each) => !listed.has(each))).toEqual([])
})

test.each([null, undefined, 'text', new Error('x'), { code: 5 }, { code: 'toString' }, { code: 'ENOENT' }])(
  'anything else is our own mistake: %o',
  (error) => {
    expect(exitNameOf(error)).toBe('internal')
  },
)

test('codes differ, leave those of the shell alone, and are explained', () => {
  const codes = Object.values(EXIT)

  expect(new Set(codes).size).toBe(codes.length)
  expect(Math.max(...codes)).toBeLessThan(128)
  expect(exitRows('busy')).toEqual([['75', EXIT_MEANINGS.busy]])
})
